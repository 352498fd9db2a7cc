"""The flat interface over many frames of one run: pooled, its molecules of low confidence, and its regions.

Shupletsova and Stegailov 2026, section III.3. Frames of one run are not independent: errors come from columns of the
cell, each drawn with all its frames (see `amorphous.interface`).
"""

import numpy as np
import pandas as pd

from icescope.amorphous.interface import (
    COLUMNS,
    ROUNDS,
    WIDTHS,
    Interface,
    columns,
    draws,
    fit_interface,
    interface_errors,
    nearest,
    profile,
)
from icescope.errors import InputError

CONFIDENT = 0.9  # probability of the likelier phase, below which the paper calls a molecule intermediate
REGION = 10.0  # A, thickness of the regions I, II and III


def edges(cells: np.ndarray) -> np.ndarray:
    """Edges (frames, 3), A, of cells (frames, 3, 3).

    Raises
    ------
    InputError
        A cell that is not orthorhombic along x, y and z.
    """
    lengths = np.diagonal(cells, axis1=1, axis2=2)
    if not np.allclose(cells, lengths[:, None] * np.eye(3), atol=1e-3):
        raise InputError("the cell of an interface is not orthorhombic along x, y and z; give one that is.")
    return lengths


def pool(
    probabilities: np.ndarray, positions: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Molecules of all frames as those of one, in the mean cell, to which positions are scaled.

    Parameters
    ----------
    probabilities
        (frames, molecules) of HDA.
    positions
        (frames, molecules, 3), A; the interfaces lie across x.
    cells
        (frames, 3, 3), A, orthorhombic.

    Returns
    -------
    Probabilities (n,), positions (n, 3) and edges (3,), A.
    """
    lengths = edges(cells)
    mean = lengths.mean(0)
    return np.ravel(probabilities), (positions / lengths[:, None] * mean).reshape(-1, 3), mean


def pooled_interface(
    probabilities: np.ndarray, positions: np.ndarray, cells: np.ndarray, seed: int, rounds: int = ROUNDS
) -> pd.DataFrame:
    """`interface_errors` of all frames in one fit, and the `unsure` molecules of both interfaces in its row "mean".

    Parameters as in `pool`.
    """
    probability, places, lengths = pool(probabilities, positions, cells)
    table = interface_errors(places, probability, lengths, seed, rounds)
    found = fit_interface(places[:, 0], probability, lengths[0])
    for name, value in unsure(places, probability, lengths, found, seed, rounds).items():
        table.loc["mean", name] = value
    return table


def pooled_profile(probabilities: np.ndarray, positions: np.ndarray, cells: np.ndarray) -> pd.DataFrame:
    """`profile` of all frames, its errors from the columns of the cell; "molecules" is their mean number in a frame.

    Parameters as in `pool`.
    """
    probability, places, lengths = pool(probabilities, positions, cells)
    table = profile(places[:, 0], probability, lengths[0])
    column = columns(places, lengths)
    parts = [profile(places[column == one, 0], probability[column == one], lengths[0]) for one in range(COLUMNS**2)]
    weight = np.array([part.molecules for part in parts]) / table.molecules.to_numpy().clip(1)
    away = np.nan_to_num(np.array([part.probability for part in parts]) - table.probability.to_numpy())
    # of a mean over columns that hold different numbers of molecules
    table["error"] = np.sqrt(((weight * away) ** 2).sum(0) * len(parts) / (len(parts) - 1))
    table["molecules"] = table.molecules / len(probabilities)
    return table


def unsure(
    positions: np.ndarray,
    probability: np.ndarray,
    lengths: np.ndarray,
    found: Interface,
    seed: int,
    rounds: int = ROUNDS,
) -> dict[str, float]:
    """Shares of molecules whose likelier phase has a probability below CONFIDENT.

    Parameters
    ----------
    positions, probability, lengths
        (molecules, 3), A, (molecules,) of HDA, and (3,), A.
    found
        The interfaces, each as thick as its integral thickness (see WIDTHS).

    Returns
    -------
    "unsure" within both interfaces, "unsure error", its standard error by columns, and "unsure elsewhere".
    """
    low = np.maximum(probability, 1 - probability) < CONFIDENT
    inside = np.zeros(len(low), dtype=bool)
    for side in ("left", "right"):
        half = WIDTHS["integral"] * getattr(found, f"{side}_width") / 2
        inside |= np.abs(nearest(positions[:, 0] - getattr(found, side), lengths[0])) < half
    column = columns(positions, lengths)[inside]
    those, all_of_them = (np.bincount(column, values, COLUMNS**2) for values in (low[inside], None))
    drawn = draws(seed, rounds)
    shares = those[drawn].sum(1) / all_of_them[drawn].sum(1).clip(1)
    return {"unsure": low[inside].mean(), "unsure error": shares.std(ddof=1), "unsure elsewhere": low[~inside].mean()}


def regions(interface: Interface, length: float, thickness: float = REGION) -> dict[str, tuple[float, float]]:
    """From where to where, A, lie I, the middle of LDA, II, around the left interface, and III, the middle of HDA.

    Each begins inside the periodic cell of `length`, A, and may end beyond it.

    Raises
    ------
    InputError
        Slabs so thin that the regions would overlap.
    """
    slab = (interface.right - interface.left) % length
    thinnest = min(slab, length - slab)
    if thinnest < 2 * thickness:
        raise InputError(
            f"a slab of the interface is {thinnest:.0f} A thick, and three regions of {thickness:g} A need"
            f" {2 * thickness:g} A; give a thicker one."
        )
    middles = {
        "I": interface.right + (length - slab) / 2,
        "II": interface.left,
        "III": interface.left + slab / 2,
    }
    starts = {name: float((middle - thickness / 2) % length) for name, middle in middles.items()}
    return {name: (start, start + thickness) for name, start in starts.items()}


def within(x: np.ndarray, region: tuple[float, float], length: float) -> np.ndarray:
    """Which molecules at x, A, lie in a region of the periodic cell."""
    return (x - region[0]) % length < region[1] - region[0]
