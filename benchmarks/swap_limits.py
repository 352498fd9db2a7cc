"""Where donor swaps are, and how many would be left if the rules knew the number of hydrogens on each oxygen's bonds.

    python benchmarks/swap_limits.py

Takes the weights that ship and 70 windows of each validation film of the run "weights" (snakemake --configfile
config/weights.yaml --until afm_stacks), and of each window the hydrogen bonds whose oxygens are both found. Each bond
goes the way in which its two ends have more heat, on the whole, under what is known: nothing; or the true number of
hydrogens that each oxygen has on these bonds, of all oxygens or of those so far from the window's edge. Writes
benchmarks/swap_limits.csv; and benchmarks/swap_edges.csv, the swaps of plain peaks and of the ice rules by the distance
of a bond's nearer oxygen from the window's edge.
"""

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from machine import cores
from networks import ROOT, RUN, SEED, VALIDATION, first_of_films
from scipy.optimize import Bounds, LinearConstraint, milp

from icescope.cli import WEIGHTS
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import predict_maps, true_atoms
from icescope.learning.weights import load_weights
from icescope.maps.molecule_scores import hydrogen_bonds, nearest_molecule
from icescope.maps.scores import match
from icescope.maps.shoulders import heat_at
from icescope.md.force_field import OH_BOND
from icescope.structures.samples import in_window

WINDOWS = 70  # of each film
EDGES = [0.0, 1.0, 2.0, 4.0, np.inf]  # A
FROM_EDGE = {"nothing": np.inf, "all": 0.0, "2 A from the edge": 2.0, "4 A from the edge": 4.0}  # A


def main() -> None:
    torch.set_num_threads(cores())
    network, card = load_weights(WEIGHTS)
    stacks = first_of_films(read_stacks(sorted(RUN.glob(f"afm/{VALIDATION}/0.zarr.zip"))), WINDOWS)
    maps, _ = predict_maps(network, card, stacks, SEED)
    offered = candidates(maps, card["pixel_size"], card)
    found, molecules = decode(offered, card, rules=False), decode(offered, card)
    heats = maps[:, list(card["labels"]["disc_radius"]).index("H")].numpy()
    true = list(true_atoms(stacks, card["labels"]["pose_bound"]))
    size = np.array(stacks.attrs["window_size"][:2])
    swaps_by_edge({"peaks": found, "ice rules": molecules}, true, stacks.film.values, size, card)
    rows = []
    for film, heat, atoms, real in zip(stacks.film.values, heats, found, true, strict=True):
        bonds = bonds_of(atoms, real, heat, size, card)
        rows += [
            {"film": film, "known": known, "bonds": len(bonds[0]), "swapped": swapped(*bonds, least)}
            for known, least in FROM_EDGE.items()
        ]
    table = pd.DataFrame(rows)
    everything = table.assign(film="all")
    sums = pd.concat([everything, table]).groupby(["film", "known"], sort=False).sum()
    result = sums.assign(swap_rate=sums.swapped / sums.bonds)
    result.to_csv(ROOT / "benchmarks" / "swap_limits.csv", float_format="%.3g")
    print(result.to_string(float_format="{:.3g}".format))


def bonds_of(atoms: Atoms, true: Atoms, heat: np.ndarray, size: np.ndarray, card: dict) -> tuple[np.ndarray, ...]:
    """True bonds whose oxygens are found: donor and acceptor (bonds,), the log of the true end's heat over that of the
    other (bonds,), and the distance of each oxygen from the window's edge, A."""
    oxygen, real = np.flatnonzero(atoms.numbers == 8), np.flatnonzero(true.numbers == 8)
    radius = card["labels"]["matching_radius"]["O"]
    mine, theirs = match(atoms.positions[oxygen, :2], true.positions[real, :2], radius)
    place = np.full((len(real), 3), np.nan)
    place[theirs] = atoms.positions[oxygen[mine]]
    inside = in_window(true.positions, size)
    bonds = hydrogen_bonds(true, np.where(inside, true.arrays["molecule"], -1)) > 0
    donor, acceptor = np.nonzero(bonds & np.isfinite(place[:, :1]) & np.isfinite(place[:, 0]) & inside[real])
    arm = place[acceptor] - place[donor]
    arm *= OH_BOND / np.linalg.norm(arm, axis=1, keepdims=True)
    true_end, other_end = (
        np.log(heat_at(heat, end, card["pixel_size"])) for end in (place[donor] + arm, place[acceptor] - arm)
    )
    lateral = true.positions[real, :2]
    return donor, acceptor, true_end - other_end, np.minimum(lateral, size - lateral).min(1)


def swaps_by_edge(
    decoded: dict[str, list[Atoms]], true: list[Atoms], films: np.ndarray, size: np.ndarray, card: dict
) -> None:
    """Write swap_edges.csv: swaps of each decoding, as `molecule_scores` counts them, by distance from the edge."""
    radius, tables = card["labels"]["matching_radius"]["O"], []
    for decoding, structures in decoded.items():
        for film, atoms, real in zip(films, structures, true, strict=True):
            molecule = atoms.arrays["molecule"] if atoms.has("molecule") else nearest_molecule(atoms)
            oxygen, there = atoms.positions[atoms.numbers == 8, :2], real.positions[real.numbers == 8, :2]
            mine, theirs = match(oxygen, there, radius)
            seen = np.zeros((len(there), len(there)), bool)
            seen[np.ix_(theirs, theirs)] = (hydrogen_bonds(atoms, molecule) > 0)[np.ix_(mine, mine)]
            inside = in_window(real.positions, size)
            bonds = hydrogen_bonds(real, np.where(inside, real.arrays["molecule"], -1)) > 0
            found = np.isin(np.arange(len(there)), theirs) & in_window(there, size)
            donor, acceptor = np.nonzero(bonds & found[:, None] & found)
            edge = np.minimum(there, size - there).min(1)
            nearer = pd.cut(np.minimum(edge[donor], edge[acceptor]), EDGES)
            swap = ~seen[donor, acceptor] & seen[acceptor, donor]
            tables.append(pd.DataFrame({"decoding": decoding, "film": film, "from_edge": nearer, "swapped": swap}))
    table = pd.concat(tables)
    groups = pd.concat([table.assign(film="all"), table]).groupby(["film", "from_edge", "decoding"], observed=True)
    result = groups.swapped.agg(bonds="size", swapped="sum", swap_rate="mean")
    result.to_csv(ROOT / "benchmarks" / "swap_edges.csv", float_format="%.3g")
    print(result.to_string(float_format="{:.3g}".format))


def swapped(donor: np.ndarray, acceptor: np.ndarray, odds: np.ndarray, from_edge: np.ndarray, least: float) -> int:
    """Bonds that go the wrong way where all odds together are best; oxygens `least` or more from the edge keep their
    true number of hydrogens on bonds."""
    if not len(odds):
        return 0
    bond, oxygens = np.arange(len(odds)), len(from_edge)
    number = np.zeros((oxygens, len(odds)))  # what a bond adds to an oxygen's hydrogens where it goes the true way
    number[donor, bond], number[acceptor, bond] = 1, -1
    known = from_edge >= least
    truth = LinearConstraint(number[known], number[known].sum(1), number[known].sum(1)) if known.any() else ()
    return int((milp(-odds, constraints=truth, integrality=1, bounds=Bounds(0, 1)).x < 0.5).sum())


if __name__ == "__main__":
    main()
