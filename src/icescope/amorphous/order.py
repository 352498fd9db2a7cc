"""Order parameters of the surroundings of an oxygen: what a classifier must beat."""

import numpy as np
from ase.cell import Cell

from icescope.amorphous.phases import neighbours
from icescope.errors import InputError

REACH = 6.0  # A, in which the nearest neighbours are looked for
FIRST_SHELLS = 3.7  # A, of the local structure index
NEAREST = 12  # neighbours that are kept, nearest first: more than are within FIRST_SHELLS


def order_parameters(positions: np.ndarray, cell: Cell) -> dict[str, np.ndarray]:
    """Tetrahedral order, local structure index and local density of periodic oxygens.

    - "tetrahedral_order": q = 1 - 3/8 sum over pairs of the four nearest of (cos + 1/3)^2, 1 for a tetrahedron and 0 on
      average at random (Errington and Debenedetti 2001).
    - "local_structure_index", A^2: the variance of the gaps r_(i+1) - r_i between the distances of neighbours, of all
      r_i below 3.7 A (Shiratani and Sasai 1996).
    - "local_density", 1/A^3: five neighbours and the molecule itself, in the sphere out to the fifth one.

    Parameters
    ----------
    positions
        (n, 3) of oxygens, A.
    cell
        A.

    Returns
    -------
    Each (n,).

    Raises
    ------
    InputError
        A molecule with too few neighbours within REACH to be one of liquid or solid water.
    """
    pairs, arms = neighbours(positions, cell, REACH)
    centre, arms = np.concatenate(pairs.T), np.concatenate([arms, -arms])
    distance = np.linalg.norm(arms, axis=1)
    order = np.lexsort((distance, centre))
    arms, distance = arms[order], distance[order]
    count = np.bincount(centre, minlength=len(positions))
    if count.min(initial=NEAREST) < NEAREST:
        raise InputError(
            f"a molecule has {count.min()} others within {REACH:g} A, and condensed water has {NEAREST} at least; this"
            " is a gas, a surface, or another unit of length."
        )
    first = np.cumsum(count) - count
    rows = first[:, None] + np.arange(NEAREST)
    far = distance[rows]
    near = arms[rows[:, :4]] / far[:, :4, None]
    cosine = np.einsum("nik,njk->nij", near, near)[:, *np.triu_indices(4, 1)]
    gaps, counted = np.diff(far, axis=1), far[:, :-1] < FIRST_SHELLS
    number = counted.sum(1).clip(min=1)
    mean = (gaps * counted).sum(1) / number
    return {
        "tetrahedral_order": 1 - 3 / 8 * ((cosine + 1 / 3) ** 2).sum(1),
        "local_structure_index": (((gaps - mean[:, None]) ** 2) * counted).sum(1) / number,
        "local_density": 6 / (4 / 3 * np.pi * far[:, 4] ** 3),
    }


def best_threshold(values: np.ndarray, above: np.ndarray) -> tuple[float, float]:
    """Threshold that tells two phases apart best, and the share of molecules that it tells right.

    Parameters
    ----------
    values
        (n,) of an order parameter.
    above
        (n,) whether the molecule is of the phase whose values are the higher ones; lower, and the threshold still finds
        it: the share is of the better of both.
    """
    order = np.argsort(values, kind="stable")
    ranked = above[order]
    right = np.concatenate([[ranked.sum()], ranked.sum() - np.cumsum(2 * ranked.astype(int) - 1)]) / len(values)
    edges = np.concatenate([[-np.inf], (values[order][1:] + values[order][:-1]) / 2, [np.inf]])
    real = np.concatenate([[True], np.diff(values[order]) > 0, [True]])  # equal values cannot be told apart
    quality = np.where(real, np.maximum(right, 1 - right), 0)
    best = int(quality.argmax())
    return float(edges[best]), float(quality[best])
