"""The two flat interfaces of a slab of HDA between LDA: profile, position and thickness.

Shupletsova and Stegailov 2026, section III.3.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import leastsq
from sklearn.isotonic import isotonic_regression

from icescope.errors import InputError

LAYER = 2.0  # A
FINE = 0.2  # A, of layers so thin that their means may stand for the molecules
COLUMNS = 4  # along each side of the interface: pieces that the bootstrap draws whole
ROUNDS = 200
# Widths of p(x) = (1 + tanh(x / w)) / 2 in units of w: between 5 and 95 %, between 10 and 90 %, and 6 int p (1 - p) dx.
WIDTHS = {"5-95": 2 * np.arctanh(0.9), "10-90": 2 * np.arctanh(0.8), "integral": 3.0}
# Thicknesses of the profile alone, see thicknesses_by_layers.
BY_LAYERS = ("5-95 by layers", "integral by layers")


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
    molecules, total, squares = (np.bincount(number, values, count) for values in (None, probability, probability**2))
    with np.errstate(invalid="ignore", divide="ignore"):  # layers without molecules, and with one
        mean = total / molecules
        error = np.sqrt(np.maximum(squares / molecules - mean**2, 0) / (molecules - 1))
    x = (np.arange(count) + 0.5) * length / count
    return pd.DataFrame({"x": x, "probability": mean, "error": error, "molecules": molecules})


def fit_interface(x: np.ndarray, probability: np.ndarray, length: float) -> Interface:
    """Two tanh fitted to the molecules, by least squares.

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
    start = [-half, half, LAYER, LAYER, rough.probability.min(), rough.probability.max()]
    layers = _fine_sums(x, probability, np.zeros(len(x), dtype=int), centre, length)[:, 0]
    return _fit(layers, start, centre, length)


def interface_errors(
    positions: np.ndarray, probability: np.ndarray, lengths: np.ndarray, seed: int, rounds: int = ROUNDS
) -> pd.DataFrame:
    """Positions and thicknesses of the two interfaces, with standard errors by `draw_interfaces`.

    A tanh has one thickness, in the units of WIDTHS; tails that no tanh has show in those "by layers", which need none:
    see BY_LAYERS.

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
    Rows left, right, and mean of both; columns position, A (not of the mean), and the thicknesses of WIDTHS and of
    BY_LAYERS, A; each with its standard error as "... error".
    """
    x, length = positions[:, 0], lengths[0]
    best, drawn = draw_interfaces(positions, probability, lengths, seed, rounds)
    layers = _sums(x, probability, columns(positions, lengths), length, LAYER)
    at_best = _thicknesses_by_layers(layers.sum(1), length, best)
    chosen = zip(draws(seed, rounds), drawn.itertuples(index=False), strict=True)
    by_layers = pd.DataFrame([_thicknesses_by_layers(layers[:, one].sum(1), length, found) for one, found in chosen])
    rows = {}
    for side in ("left", "right"):
        away = nearest(drawn[side] - getattr(best, side), length)
        rows[side] = {"position": getattr(best, side), "position error": away.std()}
        rows[side] |= _thicknesses(getattr(best, f"{side}_width"), drawn[f"{side}_width"])
        for name in BY_LAYERS:
            rows[side] |= {name: at_best[side, name], f"{name} error": by_layers[side, name].std()}
    both = drawn[["left_width", "right_width"]].mean(axis=1)
    rows["mean"] = _thicknesses((best.left_width + best.right_width) / 2, both)
    for name in BY_LAYERS:
        mean = (at_best["left", name] + at_best["right", name]) / 2
        error = (by_layers["left", name] + by_layers["right", name]).std() / 2
        rows["mean"] |= {name: mean, f"{name} error": error}
    return pd.DataFrame.from_dict(rows, orient="index")


def draw_interfaces(
    positions: np.ndarray, probability: np.ndarray, lengths: np.ndarray, seed: int, rounds: int = ROUNDS
) -> tuple[Interface, pd.DataFrame]:
    """The interfaces of all molecules, and in a row a round those of columns that are drawn with replacement.

    The cell is cut across the interface into COLUMNS x COLUMNS columns, which are drawn whole: molecules that are near
    one another are not independent, nor is one molecule at several times. A seed always draws the same columns.
    Parameters as in `interface_errors`.
    """
    length = lengths[0]
    best = fit_interface(positions[:, 0], probability, length)
    half = (best.right - best.left) % length / 2
    centre = best.left + half
    layers = _fine_sums(positions[:, 0], probability, columns(positions, lengths), centre, length)
    start = [-half, half, best.left_width, best.right_width, best.outside, best.inside]
    drawn = [_fit(layers[:, chosen].sum(1), start, centre, length) for chosen in draws(seed, rounds)]
    return best, pd.DataFrame(drawn, columns=Interface._fields)


def columns(positions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Number of the column, below COLUMNS**2, of molecules at (n, 3), A, in a cell whose edges are (3,), A."""
    place = (positions[:, 1:] % lengths[1:] / lengths[1:] * COLUMNS).astype(int).clip(max=COLUMNS - 1)
    return place[:, 0] * COLUMNS + place[:, 1]


def two_steps(x: np.ndarray, found: Interface, length: float) -> np.ndarray:
    """p(x) of the interfaces, x in A anywhere in the periodic cell."""
    middle = found.left + (found.right - found.left) % length / 2
    left, right = nearest(np.array([found.left, found.right]) - middle, length)
    x = nearest(x - middle, length)
    steps = np.tanh((x - left) / found.left_width) - np.tanh((x - right) / found.right_width)
    return found.outside + (found.inside - found.outside) / 2 * steps


def nearest(steps: np.ndarray, length: float) -> np.ndarray:
    """Distances along x, A, to the nearest image, from - length / 2 to length / 2."""
    return (steps + length / 2) % length - length / 2


def _thicknesses(width: float, drawn: pd.Series) -> dict[str, float]:
    values = {}
    for name, factor in WIDTHS.items():
        values |= {name: factor * width, f"{name} error": factor * drawn.std()}
    return values


def draws(seed: int, rounds: int) -> np.ndarray:
    """Numbers of the columns of each round, (rounds, COLUMNS**2)."""
    return np.random.default_rng(seed).integers(COLUMNS**2, size=(rounds, COLUMNS**2))


def _sums(x: np.ndarray, probability: np.ndarray, column: np.ndarray, length: float, layer: float) -> np.ndarray:
    """Sums of 1, of x and of the probability over the molecules of each column and layer, (3, columns, layers).

    Layers are those of `profile`; x, A, are summed as they are.
    """
    count = max(1, round(length / layer))
    number = column * count + np.minimum((x % length / length * count).astype(int), count - 1)
    return np.stack([np.bincount(number, values, COLUMNS**2 * count) for values in (None, x, probability)]).reshape(
        3, COLUMNS**2, count
    )


def _fine_sums(x: np.ndarray, probability: np.ndarray, column: np.ndarray, centre: float, length: float) -> np.ndarray:
    """Sums in layers of FINE from half a cell before the centre, from which x counts, so that the edge cuts none."""
    sums = _sums((x - centre + length / 2) % length, probability, column, length, FINE)
    sums[1] -= sums[0] * length / 2
    return sums


def _fit(layers: np.ndarray, start: Sequence[float], centre: float, length: float) -> Interface:
    """Least squares to the means of fine layers, which stand for the molecules: sums (3, layers), x from the centre."""
    molecules, x, probability = layers[:, layers[0] > 0]
    x, probability, weight = x / molecules, probability / molecules, np.sqrt(molecules)
    found, *_, why, status = leastsq(lambda p: weight * (_two_steps(x, *p) - probability), start, full_output=True)
    if status not in range(1, 5):
        raise InputError(f"the profile of the interface cannot be fitted ({why}).")
    left, right, *rest = found
    return Interface((left + centre) % length, (right + centre) % length, *np.hypot(rest[:2], FINE), *rest[2:])


def _thicknesses_by_layers(layers: np.ndarray, length: float, found: Interface) -> dict[tuple[str, str], float]:
    """Thicknesses of both interfaces from the profile alone, each from the middle of LDA to the middle of HDA.

    q is the probability of layers of LAYER, from 0 to 1 between its means in the thirds of the two ways that are
    farthest from the interface. "5-95 by layers" is the distance between q = 0.05 and 0.95 of the profile that never
    falls and is nearest to q; "integral by layers" is 6 int q (1 - q) dx. The layers alone make a step 1.8 to 3.6 A
    thick by the first, and 0 to 3 A by the second.

    `layers` are sums (3, layers). Returns A, by side (left, right) and name.
    """
    molecules, _, probability = layers
    middle = (np.arange(len(molecules)) + 0.5) * length / len(molecules)
    slab = (found.right - found.left) % length
    rows = {}
    for side, sign in (("left", 1), ("right", -1)):
        into = sign * nearest(middle - getattr(found, side), length)  # A, towards HDA
        order = np.argsort(into)
        order = order[(into[order] > -(length - slab) / 2) & (into[order] < slab / 2) & (molecules[order] > 0)]
        into, weight = into[order], molecules[order]
        q = probability[order] / weight
        # one layer at least, however thin the slabs
        far_out = into <= max(-(length - slab) / 3, into[0])
        far_in = into >= min(slab / 3, into[-1])
        outside, inside = (np.average(q[far], weights=weight[far]) for far in (far_out, far_in))
        q = (q - outside) / (inside - outside)
        rising = isotonic_regression(q, sample_weight=weight)
        ends = np.interp([0.05, 0.95], rising + 1e-9 * np.arange(len(rising)), into)
        rows[side, "5-95 by layers"] = ends[1] - ends[0]
        rows[side, "integral by layers"] = 6 * (q * (1 - q)).sum() * length / len(molecules)
    return rows


def _two_steps(x, left, right, left_excess, right_excess, outside, inside):
    """Of widths hypot(excess, FINE), so that a step, which no layer resolves, has a best fit too."""
    left_width, right_width = np.hypot(left_excess, FINE), np.hypot(right_excess, FINE)
    steps = np.tanh((x - left) / left_width) - np.tanh((x - right) / right_width)
    return outside + (inside - outside) / 2 * steps
