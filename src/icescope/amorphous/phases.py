"""Which molecules are LDA, HDA or neither, and the clusters that they form (Shupletsova, Stegailov 2026, III.2)."""

import numpy as np
from ase.cell import Cell
from MDAnalysis.lib.distances import self_capped_distance
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from icescope.errors import InputError

MODELS = {"M2": ("LDA", "HDA"), "M3": ("LDA", "MDA", "HDA")}  # phases in the order of a classifier's outputs
INTERMEDIATE = -1  # in place of a phase's number: the classifier is certain of none
IA = "IA"  # its name, intermediate amorphous
BOND = 3.0  # A, within which two molecules are neighbours
AMONG_ONE, BETWEEN, ELSEWHERE = range(3)  # where an intermediate molecule is


def assign(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Number of the phase whose probability exceeds the threshold, or INTERMEDIATE, (n,) of (n, phases).

    Raises
    ------
    InputError
        See `check_threshold`.
    """
    check_threshold(threshold)
    return np.where(probabilities.max(1) > threshold, probabilities.argmax(1), INTERMEDIATE)


def check_threshold(threshold: float) -> None:
    """Refuse, with an `InputError`, a threshold below one half, which two phases could exceed, or one that none can."""
    if not 0.5 <= threshold < 1:
        raise InputError(f"the threshold of a phase's probability is {threshold:g}; take one from 0.5 to below 1.")


def neighbours(positions: np.ndarray, cell: Cell, radius: float = BOND) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (pairs, 2) of periodic oxygens within a radius, A, each once, and the vectors (pairs, 3) between them, A.

    Parameters
    ----------
    positions
        (n, 3), A; may lie outside the cell.
    cell
        Of any shape, A.

    Returns
    -------
    The pairs, and the vectors from the first to the nearest image of the second, along some axes: only their lengths
    and the angles between them are those of the structure.

    Raises
    ------
    InputError
        A cell in which a molecule has two images of another within the radius.
    """
    reduced, _ = cell.minkowski_reduce()
    box, _ = reduced.standard_form()  # the only way round that MDAnalysis takes
    height = 1 / np.linalg.norm(box.reciprocal(), axis=1).max()
    if height < 2 * radius:
        raise InputError(
            f"the cell is {height:.1f} A across, and neighbours within {radius:g} A need {2 * radius:g} A; take a"
            " larger one."
        )
    inside = reduced.scaled_positions(positions) % 1
    pairs, _ = self_capped_distance((inside @ box[:]).astype(np.float32), radius, box=box.cellpar().astype(np.float32))
    steps = inside[pairs[:, 1]] - inside[pairs[:, 0]]
    return pairs, (steps - np.round(steps)) @ box[:]


def where_intermediate(phase: np.ndarray, pairs: np.ndarray, low: int, high: int) -> np.ndarray:
    """Where each INTERMEDIATE molecule is, in order: BETWEEN two phases, AMONG_ONE of them, or ELSEWHERE.

    BETWEEN has a neighbour of the phase `low` and one of `high`; all the neighbours of AMONG_ONE, one at least, are of
    the same of the two; ELSEWHERE are those that touch other intermediate molecules, and one phase at most.
    """
    both = np.concatenate([pairs, pairs[:, ::-1]])
    of_neighbour = phase[both[:, 1]]

    def count(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(both[chosen, 0], minlength=len(phase))[phase == INTERMEDIATE]

    every, lows, highs = count(np.full(len(both), True)), count(of_neighbour == low), count(of_neighbour == high)
    among_one = (every > 0) & ((lows == every) | (highs == every))
    return np.select([(lows > 0) & (highs > 0), among_one], [BETWEEN, AMONG_ONE], ELSEWHERE)


def cluster_sizes(members: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Molecules of each cluster, the largest first: members (n,) that pairs of neighbours connect."""
    inside = pairs[members[pairs].all(1)]
    graph = coo_array((np.ones(len(inside), dtype=bool), inside.T), shape=(len(members),) * 2)
    _, cluster = connected_components(graph, directed=False)
    sizes = np.bincount(cluster[members])
    return np.sort(sizes[sizes > 0])[::-1]
