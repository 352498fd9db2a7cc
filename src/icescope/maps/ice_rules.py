"""Hydrogens under the ice rules: every oxygen gets its two by one global optimum over the peaks that were found.

Bernal and Fowler (J. Chem. Phys. 1, 515 (1933)): two hydrogens at every oxygen, one on every hydrogen bond. Peak
finding breaks both where a hydrogen is faint, or shifted along the bond to the neighbouring water. Here each oxygen
is in one of its possible states (no, one or two of the peaks around it), a peak serves at most one oxygen, and the sum
of all costs is the least possible. A cost is minus the logarithm of a probability, up to a constant: that the peak is
there (the log odds of its confidence), that it lies as far from where an O-H of the right length and angle would end,
and, with the odds below, that a rule is broken.
"""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from icescope.errors import InputError
from icescope.maps.assignment import cheapest, margin, of_some, ranges
from icescope.maps.avdw import pose_of_rise
from icescope.md.force_field import HOH_ANGLE, OH_BOND

ERROR = 0.3  # A, of the vector between a found oxygen and a found hydrogen
REACH = 0.7  # A, most that an O-H is too long or too short
SHIFTED = 3.0  # cost of a peak at the far end of its hydrogen bond; its confidence then counts no more
MISSING = 4.0  # cost of a hydrogen without a peak
OUTSIDE = 2.0  # cost of a hydrogen at the window's edge whose oxygen is beyond it
DOUBLE = 6.0  # cost of a second hydrogen on a hydrogen bond
UNSETTLED = np.log(3)  # a molecule is settled if all others that it could be cost at least this much more
SAME = 0.5  # A, between hydrogens of two molecules that count as one and the same
BOND = (2.3, 3.3)  # A, between the oxygens of a hydrogen bond
ON_BOND = np.cos(np.radians(30))  # least cosine between O-H and O...O of a hydrogen on a hydrogen bond
CERTAIN = 0.02  # confidences are held this far from 0 and 1


class _Candidates(NamedTuple):
    """Oxygens and hydrogens that may belong together: index of each, its cost, where the hydrogen would be put."""

    oxygen: np.ndarray  # (n,)
    hydrogen: np.ndarray  # (n,)
    cost: np.ndarray  # (n,)
    arm: np.ndarray  # (1 or 3, n, 3) possible O-H vectors, A
    place: np.ndarray  # (n, 3), A
    on_bond: np.ndarray  # (any, 2) index of a candidate whose hydrogen lies on a bond, and the bond's other oxygen


class _States(NamedTuple):
    """What an oxygen may be: absent, or with up to two candidates (-1 for none)."""

    oxygen: np.ndarray  # (n,)
    candidates: np.ndarray  # (n, 2)
    cost: np.ndarray  # (n,)
    absent: np.ndarray  # (n,) bool


def assign_molecules(atoms: Atoms, pose_bound: float, heights_known: bool) -> Atoms:
    """Whole molecules out of the peaks of one image: the two hydrogens of every oxygen.

    Peaks may be located at a lower threshold than usual: faint ones are kept only where the rules ask for them. An
    oxygen keeps fewer hydrogens where no peak is plausible; within an O-H length of the window's edge that costs
    nothing. An oxygen less likely there than not (confidence below 0.5) may be dropped. Each hydrogen is put at the
    O-H length from its oxygen, in its direction, which also brings back one shifted along its bond; without heights,
    it is only drawn in where it is laterally too far. A hydrogen at the edge that no oxygen takes stays, as its own
    oxygen may lie outside.

    Parameters
    ----------
    atoms
        Positions, A, x and y from the window's lower left corner; the cell's x and y are the window's. Arrays
        "confidence" (the probability of each atom) and, unless heights are known, "pose". Elements other than O and H
        pass through.
    pose_bound
        A hydrogen more than this above (below) its oxygen is "up" ("down"), A; else "flat".
    heights_known
        Whether z of every atom was found (heat maps). If not (colour maps), z is not read, poses are, and z of
        hydrogens in the result follows from their pose and their oxygen.

    Returns
    -------
    The atoms that are kept, in their order, with arrays "molecule" (water of each atom, from 0; -1 for ions and
    hydrogens of oxygens outside), "pose" relative to the own oxygen, and "settled": False in a molecule that lacks a
    hydrogen, or that could be another for a cost of less than UNSETTLED more, and wherever peaks are so many and so
    alike that this is not found out in time. `info["dropped"]` counts the
    atoms left out by element.

    Raises
    ------
    InputError
        A missing array, a window without a size, or numbers that are not finite.
    """
    _check(atoms, pose_bound, heights_known)
    # From one side to the other: which search is given up must not depend on the order of the atoms.
    across = np.lexsort(atoms.positions.T[::-1])
    oxygens, hydrogens = (across[atoms.numbers[across] == number] for number in (8, 1))
    evidence = -_log_odds(atoms.get_array("confidence"))
    candidates = _candidates(atoms, oxygens, hydrogens, evidence, pose_bound, heights_known)
    states = _states(atoms, oxygens, candidates, evidence[oxygens])
    edge = np.flatnonzero(_from_edge(atoms)[hydrogens] < OH_BOND)
    chosen, settled = _optimum(states, candidates, edge, evidence[hydrogens[edge]] + OUTSIDE)

    molecule = np.full(len(atoms), -1)
    certain = np.ones(len(atoms), bool)
    keep = ~np.isin(atoms.numbers, [1, 8])
    kept = atoms.copy()
    pose = kept.arrays["pose"] if kept.has("pose") else np.full(len(atoms), "", dtype="<U4")
    water = 0
    for oxygen in np.argsort(oxygens):  # molecules are numbered in the order of the atoms
        state = chosen[oxygen]
        if states.absent[state]:
            continue
        mine = states.candidates[state]
        mine = mine[mine >= 0]
        atom = hydrogens[candidates.hydrogen[mine]]
        whole = [oxygens[oxygen], *atom]
        kept.positions[atom] = candidates.place[mine]
        molecule[whole], certain[whole], keep[whole] = water, settled[oxygen], True
        if heights_known:
            rise = kept.positions[atom, 2] - atoms.positions[oxygens[oxygen], 2]
            pose[atom] = pose_of_rise(rise, pose_bound)
        water += 1
    outside = (atoms.numbers == 1) & ~keep & (evidence < 0) & (_from_edge(atoms) < OH_BOND)
    keep |= outside
    certain &= ~outside
    kept.set_array("molecule", molecule)
    kept.set_array("pose", pose)
    kept.set_array("settled", certain)
    kept.info["dropped"] = {s: int((~keep[atoms.numbers == n]).sum()) for s, n in (("O", 8), ("H", 1))}
    return kept[keep]


def _check(atoms: Atoms, pose_bound: float, heights_known: bool) -> None:
    for name in ["confidence"] if heights_known else ["confidence", "pose"]:
        if not atoms.has(name):
            raise InputError(f"The found atoms have no array {name!r}; give what icescope.maps.locate returns.")
    if not (atoms.cell.lengths()[:2] > 0).all():
        raise InputError("The found atoms have no window; set their cell to its edges along x and y.")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.get_array("confidence")).all()):
        raise InputError("The found atoms hold positions or confidences that are not finite numbers.")
    if not 0 < pose_bound < OH_BOND:
        raise InputError(f"labels.pose_bound {pose_bound} A must be between 0 and the O-H length, {OH_BOND} A.")


def _log_odds(probability: np.ndarray) -> np.ndarray:
    probability = np.clip(probability, CERTAIN, 1 - CERTAIN)
    return np.log(probability / (1 - probability))


def _from_edge(atoms: Atoms) -> np.ndarray:
    """Distance of each atom from the nearest edge of the window, A; negative outside."""
    lateral = atoms.positions[:, :2]
    return np.minimum(lateral, atoms.cell.lengths()[:2] - lateral).min(1)


def _candidates(
    atoms: Atoms, oxygens: np.ndarray, hydrogens: np.ndarray, evidence: np.ndarray, bound: float, heights_known: bool
) -> _Candidates:
    """Every pair of oxygen and hydrogen that costs less than a missing hydrogen."""
    seen = atoms.positions * [1, 1, heights_known]
    oxygen, hydrogen, length = _within(seen[oxygens], seen[hydrogens], BOND[1])
    vector = seen[hydrogens[hydrogen]] - seen[oxygens[oxygen]]
    evidence = evidence[hydrogens[hydrogen]]

    if heights_known:
        off = length - OH_BOND
        arm = vector[None]
        flat = np.ones(len(length), bool)
        place = vector * (OH_BOND / np.maximum(length, 1e-9))[:, None]
        off[length < OH_BOND - REACH] = np.inf  # no direction to speak of
    else:
        pose = atoms.get_array("pose")[hydrogens[hydrogen]]
        flat = (pose != "up") & (pose != "down")
        steep = np.sqrt(OH_BOND**2 - bound**2)  # lateral O-H at the bound
        off = np.maximum(np.where(flat, steep - length, length - steep), np.where(flat, length - OH_BOND, 0)).clip(0)
        rise = np.sqrt(np.clip(OH_BOND**2 - length**2, 0, None))
        sign = np.select([pose == "up", pose == "down"], [1, -1], 0)
        upward = np.where(flat, np.minimum(rise, bound) * np.array([[-1], [0], [1]]), sign * rise)  # (3, n)
        arm = vector + upward[..., None] * [0, 0, 1]
        place = vector * np.minimum(1, OH_BOND / np.maximum(length, 1e-9))[:, None] + np.outer(sign * rise, [0, 0, 1])
    cost = np.where(off < REACH, 0.5 * (off / ERROR) ** 2, np.inf) + evidence

    donor, acceptor, apart = _within(seen[oxygens], seen[oxygens], BOND[1])
    bonded = apart > BOND[0]
    donor, acceptor, apart = donor[bonded], acceptor[bonded], apart[bonded]
    # The bonds of each candidate's oxygen, one candidate after another.
    k, bond = ranges(np.searchsorted(donor, oxygen), np.searchsorted(donor, oxygen, side="right"))
    toward = seen[oxygens[acceptor[bond]]] - seen[oxygens[donor[bond]]]
    along = np.einsum("kd,kd->k", vector[k], toward) / apart[bond]
    on_bond = flat[k] & (along > ON_BOND * length[k])
    between_ends = on_bond & (along > OH_BOND) & (along < apart[bond] - OH_BOND + REACH)
    aside = np.full(len(oxygen), np.inf)
    np.minimum.at(aside, k[between_ends], (length[k] ** 2 - along**2)[between_ends])
    cost = np.minimum(cost, SHIFTED + 0.5 * aside / ERROR**2 + evidence.clip(0))
    place += atoms.positions[oxygens[oxygen]]
    good = cost < MISSING
    kept = on_bond & good[k]
    on_bond = np.column_stack([(np.cumsum(good) - 1)[k[kept]], acceptor[bond[kept]]])
    return _Candidates(oxygen[good], hydrogen[good], cost[good], arm[:, good], place[good], on_bond)


def _within(some: np.ndarray, others: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of points (n, 3) and (m, 3) nearer than reach: index of each, sorted, and distance."""
    pairs = cKDTree(some).sparse_distance_matrix(cKDTree(others), reach, output_type="ndarray")
    pairs = np.sort(pairs, order=["i", "j"])
    return pairs["i"], pairs["j"], pairs["v"]


def _states(atoms: Atoms, oxygens: np.ndarray, candidates: _Candidates, evidence: np.ndarray) -> _States:
    """States of all oxygens, without those that cannot be near the optimum."""
    # Over an edge at distance d there is room for one hydrogen if d is below the O-H length, for both if it is below
    # the length along the bisector.
    edge = _from_edge(atoms)[oxygens]
    room = (edge < OH_BOND).astype(int) + (edge < OH_BOND * np.cos(np.radians(HOH_ANGLE / 2)))
    lack = [MISSING * np.clip(missing - room, 0, None) for missing in (2, 1)]
    every = np.arange(len(candidates.cost))
    # Candidates of one oxygen stand together: each with those after it.
    first, second = ranges(every + 1, np.searchsorted(candidates.oxygen, candidates.oxygen, side="right"))
    single = candidates.cost + lack[1][candidates.oxygen]
    pair = candidates.cost[first] + candidates.cost[second] + _bend(candidates.arm[:, first], candidates.arm[:, second])
    # Whatever has a part that costs less is never better than that part, which uses fewer peaks.
    single_worth = single < lack[0][candidates.oxygen] + UNSETTLED
    pair_worth = pair < np.minimum(single[first], single[second]) + UNSETTLED
    pair_worth &= pair < lack[0][candidates.oxygen[first]] + UNSETTLED
    every, first, second = every[single_worth], first[pair_worth], second[pair_worth]
    none = np.arange(len(oxygens))
    faint = np.flatnonzero(evidence > 0)
    oxygen = np.concatenate([none, candidates.oxygen[every], candidates.oxygen[first]])
    cost = np.concatenate([lack[0], single[every], pair[pair_worth]]) + evidence.clip(0)[oxygen]
    taken = np.full((len(oxygen) + len(faint), 2), -1)  # none; one; two; and none again where it is absent
    taken[len(none) : len(none) + len(every), 0] = every
    taken[len(none) + len(every) : len(oxygen)] = np.column_stack([first, second])
    cost = np.append(cost, np.zeros(len(faint)))
    return _States(np.append(oxygen, faint), taken, cost, np.arange(len(cost)) >= len(oxygen))


def _bend(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cost (n,) of the angle between two arms (variants, n, 3) of a molecule, the best of their variants."""
    one, other = (arm / np.maximum(np.linalg.norm(arm, axis=-1, keepdims=True), 1e-9) for arm in (one, other))
    angle = np.arccos(np.clip(np.einsum("vnd,wnd->vwn", one, other), -1, 1))
    off = np.abs(angle - np.radians(HOH_ANGLE)).min((0, 1)) * OH_BOND
    return 0.5 * (off / (np.sqrt(2) * ERROR)) ** 2


def _optimum(
    states: _States, candidates: _Candidates, edge: np.ndarray, edge_cost: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """State chosen for each oxygen, and whether each oxygen is settled.

    `edge` are hydrogens that an oxygen outside may take at `edge_cost`; each such oxygen is one more in the search.
    """
    oxygens = states.oxygen.max(initial=-1) + 1
    settled = np.zeros(oxygens, bool)
    if not oxygens:
        return np.zeros(0, int), settled
    k, j = candidates.on_bond.T
    i = candidates.oxygen[k]
    rank = np.arange(len(k)) - np.searchsorted(k, k)
    bond = np.full((len(candidates.cost), rank.max(initial=0) + 1), -1)
    bond[k, rank] = np.unique(np.minimum(i, j) * oxygens + np.maximum(i, j), return_inverse=True)[1]

    beyond = oxygens + np.arange(len(edge))
    owner = np.concatenate([states.oxygen, beyond, beyond])
    cost = np.concatenate([states.cost, edge_cost, np.zeros(len(edge))])
    order = np.lexsort([cost, owner])
    owner, cost = owner[order], cost[order]
    first = np.searchsorted(owner, np.arange(oxygens + len(edge) + 1))
    pairs = np.concatenate([states.candidates, np.full((2 * len(edge), 2), -1)])[order]
    hydrogen, bond = _of_states(pairs, candidates.hydrogen[:, None]), _of_states(pairs, bond)
    hydrogen[np.argsort(order)[len(states.cost) :][: len(edge)], 0] = edge
    choice = np.empty(len(first) - 1, int)
    for part in _parts(owner, hydrogen, bond):
        mine, of_part = of_some(part, first, cost, hydrogen, bond)
        problem, begins = (*of_part, DOUBLE), of_part[0]
        *found, given_up = cheapest(*problem)
        choice[part] = mine[found[0]]
        for index, oxygen in enumerate(part):
            if oxygen < oxygens and (pairs[choice[oxygen]] >= 0).all() and not given_up[index]:
                own = slice(begins[index], begins[index + 1])
                alike = np.zeros(len(mine), bool)
                alike[own] = _alike(pairs[mine[own]], pairs[choice[oxygen]], candidates.place)
                settled[oxygen] = margin(index, alike, UNSETTLED, *problem, *found) >= UNSETTLED
    return order[choice[:oxygens]], settled


def _parts(owner: np.ndarray, hydrogen: np.ndarray, bond: np.ndarray) -> list[np.ndarray]:
    """Oxygens in sets that share neither hydrogens nor bonds, given the owner and what is taken by each state."""
    shared = np.concatenate([hydrogen, np.where(bond >= 0, bond + hydrogen.max() + 1, -1)], axis=1)
    state, column = np.nonzero(shared >= 0)
    oxygens = owner.max() + 1
    ends = owner[state], oxygens + shared[state, column]
    size = oxygens + shared.max() + 1
    _, label = connected_components(coo_array((np.ones(len(state)), ends), (size, size)), directed=False)
    label = label[:oxygens]
    return np.split(np.argsort(label, kind="stable"), np.flatnonzero(np.diff(np.sort(label))) + 1)


def _of_states(pairs: np.ndarray, of_candidates: np.ndarray) -> np.ndarray:
    """What the candidates (n, m) of each state have, (states, 2 m); -1 where there is none."""
    padded = np.concatenate([of_candidates, np.full((1, of_candidates.shape[1]), -1)])
    return padded[pairs].reshape(len(pairs), -1)


def _alike(pairs: np.ndarray, mine: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Which pairs (n, 2) of candidates come to lie within SAME of the pair `mine` (2,)."""
    near = np.linalg.norm(place[pairs][:, :, None] - place[mine], axis=-1) < SAME
    same = (near[:, 0, 0] & near[:, 1, 1]) | (near[:, 0, 1] & near[:, 1, 0])
    return same & (pairs >= 0).all(1)
