"""Where donor swaps are, and how many would be left if the rules knew the number of hydrogens on each oxygen's bonds.

    python benchmarks/swap_limits.py

Takes the weights that ship and 70 windows of each validation film of the run "weights" (snakemake --cores 2
--configfile config/weights.yaml --until afm_stacks), and of each window the hydrogen bonds whose oxygens are both
found. Each bond goes the way in which its two ends have more heat, on the whole, under what is known: nothing; or the
true number of hydrogens that each oxygen has on these bonds, of all oxygens or of those so far from the window's edge.
Writes benchmarks/swap_limits.csv; and benchmarks/swap_edges.csv, the swaps of plain peaks and of the ice rules by the
distance of a bond's nearer oxygen from the window's edge.
"""

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from machine import cores
from networks import ROOT, SEED, validation_windows
from scipy.optimize import Bounds, LinearConstraint, milp

from icescope.cli import WEIGHTS
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import predict_maps, true_atoms
from icescope.learning.weights import load_weights
from icescope.maps.molecule_scores import Bonds, compare_bonds, nearest_molecule
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
    stacks = validation_windows(WINDOWS)
    maps, _ = predict_maps(network, card, stacks, SEED)
    offered = candidates(maps, card["pixel_size"], card)
    found, molecules = decode(offered, card, rules=False), decode(offered, card)
    heats = maps[:, list(card["labels"]["disc_radius"]).index("H")].numpy()
    true = true_atoms(stacks, card["labels"]["pose_bound"])
    size = np.array(stacks.attrs["window_size"][:2])
    rows, by_edge = [], []
    for film, heat, atoms, whole, real in zip(stacks.film.values, heats, found, molecules, true, strict=True):
        lateral = real.positions[real.numbers == 8, :2]
        from_edge = np.minimum(lateral, size - lateral).min(1)
        plain, place = bonds_of(atoms, nearest_molecule(atoms), real, size, card)
        under_rules, _ = bonds_of(whole, whole.arrays["molecule"], real, size, card)
        for decoding, bonds in (("peaks", plain), ("ice rules", under_rules)):
            donor, acceptor = np.nonzero(bonds.found)
            nearer = pd.cut(np.minimum(from_edge[donor], from_edge[acceptor]), EDGES)
            swap = bonds.swapped[donor, acceptor]
            by_edge.append(pd.DataFrame({"film": film, "from_edge": nearer, "decoding": decoding, "swapped": swap}))
        donor, acceptor = np.nonzero(plain.found)
        ends = donor, acceptor, odds_of(donor, acceptor, place, heat, card["pixel_size"])
        rows += [
            {"film": film, "known": known, "bonds": len(ends[0]), "swapped": swapped(*ends, from_edge, least)}
            for known, least in FROM_EDGE.items()
        ]
    write_by_edge(pd.concat(by_edge))
    table = pd.DataFrame(rows)
    everything = table.assign(film="all")
    sums = pd.concat([everything, table]).groupby(["film", "known"], sort=False).sum()
    result = sums.assign(swap_rate=sums.swapped / sums.bonds)
    result.to_csv(ROOT / "benchmarks" / "swap_limits.csv", float_format="%.3g")
    print(result.to_string(float_format="{:.3g}".format))


def bonds_of(atoms: Atoms, molecule: np.ndarray, true: Atoms, size: np.ndarray, card: dict) -> tuple[Bonds, np.ndarray]:
    """Bonds of a prediction beside the true ones, and where each true oxygen was found (oxygens, 3), NaN if not."""
    oxygen, real = np.flatnonzero(atoms.numbers == 8), np.flatnonzero(true.numbers == 8)
    radius = card["labels"]["matching_radius"]["O"]
    mine, theirs = match(atoms.positions[oxygen, :2], true.positions[real, :2], radius)
    partner, place = np.full(len(atoms), -1), np.full((len(real), 3), np.nan)
    partner[oxygen[mine]], place[theirs] = real[theirs], atoms.positions[oxygen[mine]]
    return compare_bonds(atoms, molecule, true, partner, in_window(true.positions, size)), place


def odds_of(
    donor: np.ndarray, acceptor: np.ndarray, place: np.ndarray, heat: np.ndarray, pixel_size: float
) -> np.ndarray:
    """Log of the heat at the true end of each bond over that at the other (bonds,)."""
    arm = place[acceptor] - place[donor]
    arm *= OH_BOND / np.linalg.norm(arm, axis=1, keepdims=True)
    ends = place[donor] + arm, place[acceptor] - arm
    true_end, other_end = (np.log(heat_at(heat, end, pixel_size)) for end in ends)
    return true_end - other_end


def write_by_edge(table: pd.DataFrame) -> None:
    """Write swap_edges.csv from a row for each bond."""
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
