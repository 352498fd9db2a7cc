"""Predicted atoms against true ones: one-to-one matching, the accuracy of each species, and bootstrap intervals."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_numbers
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from icescope.structures.samples import in_window

COUNTS = ("true_positive", "false_positive", "false_negative")


def match(predicted: np.ndarray, true: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of predicted and true atoms, each used once: the most pairs within `radius`, then the closest.

    Parameters
    ----------
    predicted, true
        (n, 2) and (m, 2) lateral positions, A.

    Returns
    -------
    Indices into predicted and into true, both (pairs,).
    """
    distance = cdist(predicted, true)
    # Most atoms have no partner in reach, or one: only what has some is solved for.
    mine, theirs = (np.flatnonzero((distance <= radius).any(axis)) for axis in (1, 0))
    distance = distance[np.ix_(mine, theirs)]
    # A pair beyond the radius costs more than all pairs within it together, so it never displaces one.
    cost = np.where(distance <= radius, distance, 1e3 + radius * max(distance.shape, default=1))
    rows, columns = linear_sum_assignment(cost)
    near = distance[rows, columns] <= radius
    return mine[rows[near]], theirs[columns[near]]


def count(predicted: Atoms, true: Atoms, size: Sequence[float], radius: dict[str, float]) -> pd.DataFrame:
    """True and false positives and false negatives of one structure, by species and by hydrogen pose.

    True atoms outside the window (0 to size in x and y) may be matched, so that a prediction at the edge is not held
    false, but do not count. A row such as "H up" counts a pair only where the pose is right as well.

    Parameters
    ----------
    predicted, true
        Structures with an array "pose".
    size
        Width and height of the window, A.
    radius
        Matching radius of each species, A.

    Returns
    -------
    Rows by species, columns of COUNTS.
    """
    rows = {}
    for symbol, r in radius.items():
        poses = ["", "flat", "up", "down"] if symbol == "H" else [""]
        for pose in poses:
            p, t = (_select(atoms, symbol, pose) for atoms in (predicted, true))
            i, j = match(p, t, r)
            inside = in_window(t, size)
            true_positive = int(inside[j].sum())
            rows[f"{symbol} {pose}".strip()] = (true_positive, len(p) - len(i), int(inside.sum()) - true_positive)
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COUNTS)).rename_axis("species")


def accuracy(counts: pd.DataFrame) -> pd.Series:
    """ACC = TP / (TP + FP + FN) of each row; NaN where there is nothing to find and nothing was found."""
    total = counts[list(COUNTS)].sum(axis=1)
    return counts.true_positive / total.where(total > 0)


def accuracy_table(counts: Sequence[pd.DataFrame], loss: np.ndarray, share: float = 0.2) -> pd.DataFrame:
    """Accuracy pooled over a set, and over its best and worst `share` by loss (Tang et al. 2023, Results).

    Parameters
    ----------
    counts
        One table of `count` for each sample.
    loss
        (samples,) mean square error of each map.

    Returns
    -------
    Rows by species with columns accuracy, best, worst, and the pooled counts.
    """
    order = np.argsort(loss)
    few = max(1, round(share * len(order)))

    def pooled(samples: np.ndarray) -> pd.DataFrame:
        return sum(counts[i] for i in samples)

    everything = pooled(order)
    table = pd.DataFrame(
        {
            "accuracy": accuracy(everything),
            "best": accuracy(pooled(order[:few])),
            "worst": accuracy(pooled(order[-few:])),
        }
    )
    return table.join(everything)


def rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall, F1 and accuracy (TP / (TP + FP + FN)) of each row; NaN where there is nothing to divide by."""
    right, wrong, missed = (counts[name] for name in COUNTS)
    share = {"precision": right + wrong, "recall": right + missed, "f1": right + (wrong + missed) / 2}
    shares = {name: right / total.where(total > 0) for name, total in share.items()}
    return pd.DataFrame(shares | {"accuracy": accuracy(counts)})


def radius_sweep(
    predicted: Sequence[Atoms],
    true: Sequence[Atoms],
    size: Sequence[float],
    symbols: Sequence[str],
    radii: Sequence[float],
) -> pd.DataFrame:
    """Counts of `count` pooled over structures at each matching radius, A.

    Returns
    -------
    Rows by (radius, species), columns of COUNTS; `rates` takes it as it is.
    """
    tables = {
        radius: sum(count(p, t, size, dict.fromkeys(symbols, radius)) for p, t in zip(predicted, true, strict=True))
        for radius in radii
    }
    return pd.concat(tables, names=["radius"])


def bootstrap(
    counts: pd.DataFrame,
    groups: Sequence,
    statistic: Callable[[pd.DataFrame], pd.DataFrame],
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Statistics of pooled counts with intervals over whole groups, such as trajectories, drawn with replacement.

    Samples of one trajectory resemble each other, so that intervals over samples would be too narrow. Of two or three
    groups the interval is the range from the lowest to the highest of them.

    Parameters
    ----------
    counts
        One row a sample, columns that may be summed over samples.
    groups
        (samples,) label of the group of each.
    statistic
        Takes a table of sums, as `counts`, and gives for each row a row of statistics.
    seed
        Of the draws.
    resamples, level
        Draws; share of them inside the interval, percentiles.

    Returns
    -------
    Rows by statistic; columns value (all samples), low, high. NaN bounds where there is only one group.
    """
    sums = counts.groupby(np.asarray(groups)).sum()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    value = statistic(counts.sum().to_frame().T).iloc[0]
    table = pd.DataFrame({"value": value, "low": np.nan, "high": np.nan})
    if len(sums) > 1:
        spread = statistic(pd.DataFrame(drawn @ sums.to_numpy(), columns=counts.columns))
        table["low"], table["high"] = spread.quantile((1 - level) / 2), spread.quantile((1 + level) / 2)
    return table


def _select(atoms: Atoms, symbol: str, pose: str) -> np.ndarray:
    chosen = atoms.numbers == atomic_numbers[symbol]
    if pose:
        chosen &= atoms.get_array("pose") == pose
    return atoms.positions[chosen, :2]
