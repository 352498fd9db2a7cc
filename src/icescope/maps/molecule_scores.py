"""Predicted structures against true ones beyond the count of atoms: places, molecules, hydrogen bonds, ice rules.

Everything is counted for each structure, in sums that may be pooled and resampled; `scores` turns sums into rates.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_numbers
from scipy.spatial.distance import cdist

from icescope.maps.scores import COUNTS, count, match, rates
from icescope.structures.samples import in_window

LONGEST = 1.4  # A, O-H in a prediction without molecules: half way to the next water
# A hydrogen bond goes from D to A where O(D)...O(A) is shorter than BOND and the angle H-O(D)...O(A) smaller than
# BOND_ANGLE for a hydrogen of D (Luzar, Chandler, Nature 379, 55 (1996)).
BOND = 3.5  # A
BOND_ANGLE = 30.0  # degrees


class Bonds(NamedTuple):
    """Which hydrogen bonds there are between true oxygens, from that of a row to that of a column, (o, o)."""

    predicted: np.ndarray  # between predicted oxygens
    true: np.ndarray
    seen: np.ndarray  # predicted ones between oxygens that match
    judged: np.ndarray  # true ones that count: all three atoms inside
    found: np.ndarray  # of these, with both oxygens found
    swapped: np.ndarray  # of these, those predicted in the other direction only


def count_structures(
    predicted: Sequence[Atoms],
    true: Sequence[Atoms],
    size: Sequence[float],
    radius: dict[str, float],
    heights_known: bool,
) -> pd.DataFrame:
    """Everything that `scores` needs of each structure.

    Atoms are matched laterally and one to one by `match`; what lies outside the window neither helps nor hurts.
    Molecules of the prediction are its array "molecule", or else each hydrogen belongs to the nearest oxygen within
    LONGEST.

    - Places: of matched atoms, lateral distance and predicted minus true z, A.
    - Molecules: right if all three atoms are matched to those of one true molecule. True ones that are not
      wholly inside the window do not count, nor do predictions that match them.
    - Orientation: of waters with two hydrogens whose oxygens match, the angle between predicted and true O-H, paired
      so that their sum is least.
    - Hydrogen bonds: directed, from the oxygen of the hydrogen; right if both oxygens match those of a true bond in
      that direction. True ones count where all three atoms are inside.
    - Donor swaps: of true bonds with both oxygens found, those that are predicted in the other direction only: the
      donor has no hydrogen towards the acceptor, the acceptor has one towards the donor.
    - Ice rules: of predicted oxygens farther than LONGEST from the window's edge, those with other than two hydrogens
      nearer to them than to any other oxygen and within LONGEST; of pairs of predicted oxygens within BOND, those
      with two or more such hydrogens between them.

    Parameters
    ----------
    predicted
        With an array "pose" and, if it is whole molecules, "molecule".
    true
        With arrays "pose" and "molecule", three atoms to each water, with those in the margin around the window.
    size
        Width and height of the window, A.
    radius
        Matching radius of each species, A; O and H among them.
    heights_known
        Whether z was predicted. If not, vertical errors and orientations are left out, and hydrogen bonds of the
        prediction are those of its positions as they are.

    Returns
    -------
    One row a structure; columns (what, sum), such as ("O", "true_positive").
    """
    rows = [_count(p, t, np.asarray(size)[:2], radius, heights_known) for p, t in zip(predicted, true, strict=True)]
    table = pd.DataFrame(rows)
    return table.set_axis(pd.MultiIndex.from_tuples(table.columns, names=["what", "sum"]), axis=1)


def scores(counts: pd.DataFrame) -> pd.DataFrame:
    """Rates and mean errors of each row of sums, as `bootstrap` asks for; columns (what, score). NaN for 0 / 0.

    Precision, recall, f1 and accuracy of each species, of "molecule" and of "hydrogen bond"; of each species
    lateral_rmse, lateral_error (mean distance), vertical_rmse and vertical_error (mean, signed), A; orientation_error
    of "molecule", degrees; swap_rate of "hydrogen bond"; wrong_number and double of "ice rules".
    """
    columns = {}

    def mean(what: str, score: str, total: str, number: str, root: bool = False) -> None:
        if (what, total) in counts:
            ratio = counts[what, total] / counts[what, number].where(counts[what, number] > 0)
            columns[what, score] = np.sqrt(ratio) if root else ratio

    for what in counts.columns.get_level_values(0).unique():
        if (what, COUNTS[0]) in counts:
            columns |= {(what, name): values for name, values in rates(counts[what]).items()}
        for direction in ("lateral", "vertical"):
            mean(what, f"{direction}_error", direction, COUNTS[0])
            mean(what, f"{direction}_rmse", f"{direction}_squared", COUNTS[0], root=True)
    mean("molecule", "orientation_error", "angle", "arms")
    mean("hydrogen bond", "swap_rate", "swapped", "found_bonds")
    mean("ice rules", "wrong_number", "wrong_number", "oxygens")
    mean("ice rules", "double", "double", "pairs")
    return pd.DataFrame(columns).rename_axis(columns=["what", "score"])


def hydrogen_bonds(atoms: Atoms, molecule: np.ndarray) -> np.ndarray:
    """Whether the water of one oxygen gives a hydrogen bond to another (BOND, BOND_ANGLE).

    Parameters
    ----------
    molecule
        (n,) water of each atom; negative for none.

    Returns
    -------
    (oxygens, oxygens) number of hydrogens of the oxygen of a row that point to the oxygen of a column, oxygens in
    the order of `atoms`.
    """
    oxygen, hydrogen = np.flatnonzero(atoms.numbers == 8), np.flatnonzero(atoms.numbers == 1)
    owner = _owner(molecule[oxygen], molecule[hydrogen])
    hydrogen, owner = hydrogen[owner >= 0], owner[owner >= 0]
    position = atoms.positions[oxygen]
    arm = atoms.positions[hydrogen] - position[owner]
    to = position[None] - position[owner][:, None]
    apart = np.linalg.norm(to, axis=-1)
    along = np.einsum("hd,hod->ho", arm, to)
    least = np.cos(np.radians(BOND_ANGLE)) * np.linalg.norm(arm, axis=-1)[:, None] * apart
    pointing = (apart > 0) & (apart < BOND) & (along > least)
    mine = owner == np.arange(len(oxygen))[:, None]
    return (mine.astype(float) @ pointing).astype(int)


def compare_bonds(
    predicted: Atoms, molecule: np.ndarray, true: Atoms, partner: np.ndarray, inside: np.ndarray
) -> Bonds:
    """Hydrogen bonds of one prediction beside the true ones.

    Parameters
    ----------
    molecule
        Water of each predicted atom; negative for none.
    partner
        True atom that each predicted oxygen is matched with; negative for none.
    inside
        Which true atoms are inside the window.
    """
    oxygen, true_oxygen = np.flatnonzero(predicted.numbers == 8), np.flatnonzero(true.numbers == 8)
    bonds = hydrogen_bonds(predicted, molecule) > 0
    real = hydrogen_bonds(true, true.arrays["molecule"]) > 0
    rank = np.full(len(true) + 1, -1)
    rank[true_oxygen] = np.arange(len(true_oxygen))
    mine = rank[partner[oxygen]]
    found = np.flatnonzero(mine >= 0)
    seen = np.zeros_like(real)
    seen[np.ix_(mine[found], mine[found])] = bonds[np.ix_(found, found)]
    of_inside = np.where(inside, true.arrays["molecule"], -1)
    judged = (hydrogen_bonds(true, of_inside) > 0) & inside[true_oxygen][:, None] & inside[true_oxygen]
    is_found = np.isin(np.arange(len(true_oxygen)), mine)
    both = judged & is_found[:, None] & is_found
    return Bonds(bonds, real, seen, judged, both, both & ~seen & seen.T)


def nearest_molecule(atoms: Atoms) -> np.ndarray:
    """Water of each atom (n,): hydrogens belong to the nearest oxygen within LONGEST; -1 for none and for ions."""
    molecule = np.full(len(atoms), -1)
    oxygen, hydrogen = np.flatnonzero(atoms.numbers == 8), np.flatnonzero(atoms.numbers == 1)
    molecule[oxygen] = np.arange(len(oxygen))
    if len(oxygen) and len(hydrogen):
        distance = cdist(atoms.positions[hydrogen], atoms.positions[oxygen])
        molecule[hydrogen] = np.where(distance.min(1) < LONGEST, distance.argmin(1), -1)
    return molecule


def _count(predicted: Atoms, true: Atoms, size: np.ndarray, radius: dict[str, float], heights_known: bool) -> dict:
    species = count(predicted, true, size, radius)
    row = {(one, name): n for one, counts in species.T.to_dict().items() for name, n in counts.items()}
    inside = in_window(true.positions, size)
    partner = np.full(len(predicted), -1)  # true atom of each predicted one
    for symbol, r in radius.items():
        mine, theirs = (np.flatnonzero(atoms.numbers == atomic_numbers[symbol]) for atoms in (predicted, true))
        i, j = match(predicted.positions[mine, :2], true.positions[theirs, :2], r)
        partner[mine[i]] = theirs[j]
        counted = inside[theirs[j]]
        off = predicted.positions[mine[i][counted]] - true.positions[theirs[j][counted]]
        lateral = np.linalg.norm(off[:, :2], axis=1)
        sums = {"lateral": lateral, "lateral_squared": lateral**2}
        if heights_known:
            sums |= {"vertical": off[:, 2], "vertical_squared": off[:, 2] ** 2}
        row |= {(symbol, name): values.sum() for name, values in sums.items()}
    molecule = predicted.arrays["molecule"] if predicted.has("molecule") else nearest_molecule(predicted)
    row |= _count_molecules(predicted, molecule, true, partner, inside, heights_known)
    row |= _count_bonds(predicted, molecule, true, partner, inside)
    row |= _count_rules(predicted, size)
    return row


def _count_molecules(
    predicted: Atoms, molecule: np.ndarray, true: Atoms, partner: np.ndarray, inside: np.ndarray, heights_known: bool
) -> dict:
    oxygen, hydrogens = _waters(predicted, molecule)
    true_oxygen, true_hydrogens = _waters(true, true.arrays["molecule"])
    water = np.full(len(true) + 1, -1)  # of each true atom, in the order of true oxygens; last for no partner
    water[true_oxygen] = np.arange(len(true_oxygen))
    water[true_hydrogens] = np.arange(len(true_oxygen))[:, None]
    whole_inside = np.append(inside[true_oxygen] & inside[true_hydrogens].all(1), False)
    two = (hydrogens >= 0).all(1)
    found = np.where(two[:, None], water[partner[hydrogens]], -1)
    mine = water[partner[oxygen]]
    right = (mine >= 0) & (found == mine[:, None]).all(1) & whole_inside[mine]
    unjudged = (mine >= 0) & ~whole_inside[mine]
    sums = [right.sum(), (~right & ~unjudged).sum(), whole_inside.sum() - right.sum()]
    row = {("molecule", name): int(n) for name, n in zip(COUNTS, sums, strict=True)}
    if heights_known:
        judged = two & (mine >= 0) & inside[true_oxygen[mine]] if len(true_oxygen) else np.zeros(len(mine), bool)
        one = predicted.positions[hydrogens[judged]] - predicted.positions[oxygen[judged], None]
        other = true.positions[true_hydrogens[mine[judged]]] - true.positions[true_oxygen[mine[judged]], None]
        one, other = (arms / np.linalg.norm(arms, axis=-1, keepdims=True) for arms in (one, other))
        angle = np.degrees(np.arccos(np.clip(np.einsum("nad,nbd->nab", one, other), -1, 1)))
        paired = np.minimum(angle[:, 0, 0] + angle[:, 1, 1], angle[:, 0, 1] + angle[:, 1, 0])
        row |= {("molecule", "arms"): 2 * int(judged.sum()), ("molecule", "angle"): paired.sum()}
    return row


def _count_bonds(predicted: Atoms, molecule: np.ndarray, true: Atoms, partner: np.ndarray, inside: np.ndarray) -> dict:
    bonds = compare_bonds(predicted, molecule, true, partner, inside)
    right = int((bonds.seen & bonds.judged).sum())
    sums = [right, bonds.predicted.sum() - (bonds.seen & bonds.true).sum(), bonds.judged.sum() - right]
    sums += [bonds.found.sum(), bonds.swapped.sum()]
    names = [*COUNTS, "found_bonds", "swapped"]
    return {("hydrogen bond", name): int(n) for name, n in zip(names, sums, strict=True)}


def _count_rules(predicted: Atoms, size: np.ndarray) -> dict:
    molecule = nearest_molecule(predicted)
    oxygen = np.flatnonzero(predicted.numbers == 8)
    lateral = predicted.positions[oxygen, :2]
    amid = np.minimum(lateral, size - lateral).min(1) > LONGEST
    owned = molecule[predicted.numbers == 1]
    number = np.bincount(owned[owned >= 0], minlength=len(oxygen))
    bonds = hydrogen_bonds(predicted, molecule)
    apart = np.triu(cdist(predicted.positions[oxygen], predicted.positions[oxygen]), 1)
    pair = (apart > 0) & (apart < BOND)
    sums = [amid.sum(), (amid & (number != 2)).sum(), pair.sum(), (pair & (bonds + bonds.T > 1)).sum()]
    return {
        ("ice rules", name): int(n)
        for name, n in zip(("oxygens", "wrong_number", "pairs", "double"), sums, strict=True)
    }


def _waters(atoms: Atoms, molecule: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Oxygens (w,) and the two hydrogens (w, 2) of each; -1 where they are not two."""
    oxygen, hydrogen = np.flatnonzero(atoms.numbers == 8), np.flatnonzero(atoms.numbers == 1)
    owner = _owner(molecule[oxygen], molecule[hydrogen])
    hydrogen, owner = hydrogen[owner >= 0], owner[owner >= 0]
    two = np.bincount(owner, minlength=len(oxygen)) == 2
    hydrogen, owner = hydrogen[two[owner]], owner[two[owner]]
    hydrogens = np.full((len(oxygen), 2), -1)
    hydrogens[two] = hydrogen[np.argsort(owner, kind="stable")].reshape(-1, 2)
    return oxygen, hydrogens


def _owner(of_oxygens: np.ndarray, of_hydrogens: np.ndarray) -> np.ndarray:
    """Which oxygen has the molecule of each hydrogen; -1 for none."""
    place = {one: index for index, one in enumerate(of_oxygens.tolist()) if one >= 0}
    return np.array([place.get(one, -1) for one in of_hydrogens.tolist()], int)
