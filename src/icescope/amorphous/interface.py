"""The two flat interfaces of a slab of HDA between LDA: profile, position and thickness.

Shupletsova and Stegailov 2026, section III.3.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from icescope.errors import InputError

LAYER = 2.0  # A
COLUMNS = 4  # along each side of the interface: pieces that the bootstrap draws whole
ROUNDS = 200
# Widths of p(x) = (1 + tanh(x / w)) / 2 in units of w: between 5 and 95 %, between 10 and 90 %, and 6 int p (1 - p) dx.
WIDTHS = {"5-95": 2 * np.arctanh(0.9), "10-90": 2 * np.arctanh(0.8), "integral": 3.0}


class Interface(NamedTuple):
    """Two interfaces of one slab: positions, A, and w of each tanh, A, and the probabilities far from them."""

    left: float
    right: float
    left_width: float
    right_width: float
    outside: float
    inside: float


def profile(x: np.ndarray, probability: np.ndarray, length: float, layer: float = LAYER) -> pd.DataFrame:
    """Mean probability of HDA in layers of about `layer`, A, across a periodic cell of `length`, A.

    Parameters
    ----------
    x
        (molecules,) A; may lie outside the cell.
    probability
        (molecules,) of HDA.

    Returns
    -------
    Rows by layer: x (its middle, A), probability, error (standard, of the mean), molecules.
    """
    count = max(1, round(length / layer))
    number = np.minimum((x % length / length * count).astype(int), count - 1)
    grouped = pd.Series(probability).groupby(number).agg(["mean", "sem", "size"]).reindex(range(count))
    grouped.columns = ["probability", "error", "molecules"]
    grouped["molecules"] = grouped["molecules"].fillna(0).astype(int)
    grouped.insert(0, "x", (np.arange(count) + 0.5) * length / count)
    return grouped


def fit_interface(x: np.ndarray, probability: np.ndarray, length: float) -> Interface:
    """Two tanh fitted to the molecules themselves, by least squares.

    p(x) = outside + (inside - outside) / 2 (tanh((x - left) / left_width) - tanh((x - right) / right_width)), of the
    nearest image: the slab must be wholly inside the cell, or the other way round.

    Raises
    ------
    InputError
        No slab that two interfaces bound, or one so thin that they touch.
    """
    x = x % length
    rough = profile(x, probability, length)
    middle = (rough.probability.max() + rough.probability.min()) / 2
    inside = rough.probability > middle
    # The middle of the slab on the circle, so that it may lie across the cell's edge.
    angle = np.angle(np.exp(2j * np.pi * rough.x[inside] / length).sum())
    centre = angle / (2 * np.pi) * length
    half = inside.mean() * length / 2
    if not 2 * LAYER < half < length / 2 - 2 * LAYER:
        raise InputError(
            f"no slab with two interfaces is seen: the probability of HDA is above its middle over {2 * half:.0f} of"
            f" {length:.0f} A; give an interface that lies across x."
        )
    relative = (x - centre + length / 2) % length - length / 2
    start = [-half, half, LAYER, LAYER, rough.probability.min(), rough.probability.max()]
    try:
        found, _ = curve_fit(_two_steps, relative, probability, p0=start)
    except RuntimeError as error:
        raise InputError(f"the profile of the interface cannot be fitted ({error}).") from error
    left, right, *rest = found
    widths = np.abs(rest[:2])
    return Interface((left + centre) % length, (right + centre) % length, *widths, *rest[2:])


def interface_errors(
    positions: np.ndarray, probability: np.ndarray, lengths: np.ndarray, seed: int, rounds: int = ROUNDS
) -> pd.DataFrame:
    """Positions and thicknesses of the two interfaces, with standard errors.

    The cell is cut across the interface into COLUMNS x COLUMNS columns, and those are drawn with replacement: molecules
    that are near one another are not independent.

    Parameters
    ----------
    positions
        (molecules, 3), A; the interfaces lie across x.
    probability
        (molecules,) of HDA.
    lengths
        (3,) of the periodic cell, A.

    Returns
    -------
    Rows left, right, and mean of both; columns position, A (not of the mean), and the thicknesses of WIDTHS, A, each
    with its standard error as "... error".
    """
    place = (positions[:, 1:] % lengths[1:] / lengths[1:] * COLUMNS).astype(int).clip(max=COLUMNS - 1)
    column = place[:, 0] * COLUMNS + place[:, 1]
    groups = [np.flatnonzero(column == one) for one in range(COLUMNS**2)]
    rng = np.random.default_rng(seed)
    best = fit_interface(positions[:, 0], probability, lengths[0])
    drawn = []
    for _ in range(rounds):
        index = np.concatenate([groups[one] for one in rng.integers(len(groups), size=len(groups))])
        drawn.append(fit_interface(positions[index, 0], probability[index], lengths[0]))
    values = pd.DataFrame(drawn, columns=Interface._fields)
    rows = {}
    for side in ("left", "right"):
        away = (values[side] - getattr(best, side) + lengths[0] / 2) % lengths[0] - lengths[0] / 2
        rows[side] = {"position": getattr(best, side), "position error": away.std()}
        rows[side] |= _thicknesses(getattr(best, f"{side}_width"), values[f"{side}_width"])
    both = values[["left_width", "right_width"]].mean(axis=1)
    rows["mean"] = _thicknesses((best.left_width + best.right_width) / 2, both)
    return pd.DataFrame.from_dict(rows, orient="index")


def _thicknesses(width: float, drawn: pd.Series) -> dict[str, float]:
    values = {}
    for name, factor in WIDTHS.items():
        values |= {name: factor * width, f"{name} error": factor * drawn.std()}
    return values


def _two_steps(x, left, right, left_width, right_width, outside, inside):
    steps = np.tanh((x - left) / left_width) - np.tanh((x - right) / right_width)
    return outside + (inside - outside) / 2 * steps
