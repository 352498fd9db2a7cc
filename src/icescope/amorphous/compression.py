"""LDA under compression: fractions of the phases, where intermediate molecules are, and clusters, frame by frame.

Shupletsova and Stegailov 2026, section III.2. published_compression.csv holds the numbers of that section.
"""

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import pandas as pd
from ase import Atoms
from ase.cell import Cell

from icescope.amorphous.phases import (
    AMONG_ONE,
    BETWEEN,
    ELSEWHERE,
    INTERMEDIATE,
    assign,
    cluster_sizes,
    neighbours,
    where_intermediate,
)
from icescope.errors import InputError
from icescope.md.thermodynamics import density

LDA, HDA = 0, 1  # outputs of the classifier of two phases
THRESHOLDS = (0.80, 0.85, 0.90, 0.95, 0.98)
MAIN = 0.95  # the paper's main threshold
KINDS = {"interfacial": BETWEEN, "isolated": AMONG_ONE, "other": ELSEWHERE}  # of intermediate molecules
SMOOTHING = 0.03  # GPa, standard deviation of the kernel of `smooth`; the transition is some 0.3 GPa wide
EARLY = 0.5  # GPa, where the paper says what the fractions are
BEFORE = 0.09  # GPa: the paper has its critical nuclei at 0.6, and the largest IA fraction at 0.69
SLICES = (-0.31, -0.10, 0.0, 0.10)  # GPa from the transition at 0.69: figure 5
ONE_CLUSTER = 0.95  # share of the HDA molecules


def compression_table(
    probabilities: np.ndarray,
    positions: np.ndarray,
    cells: np.ndarray,
    pressures: np.ndarray,
    thresholds: Sequence[float] = THRESHOLDS,
) -> pd.DataFrame:
    """What a trajectory of compression is made of, for each frame and threshold.

    Parameters
    ----------
    probabilities
        (frames, molecules, 2) of LDA and HDA.
    positions
        (frames, molecules, 3) of oxygens, A; may lie outside the cell.
    cells
        (frames, 3, 3), A.
    pressures
        (frames,) GPa.

    Returns
    -------
    Columns frame, pressure (GPa), density (g/cm3), molecules, threshold; LDA, HDA and IA, fractions of all molecules;
    interfacial, isolated and other, that sum to IA (see `phases.where_intermediate`: BETWEEN, AMONG_ONE, ELSEWHERE);
    largest_HDA, largest_IA (molecules), HDA_clusters, IA_clusters.
    """
    rows = []
    for frame, (probability, places, cell) in enumerate(zip(probabilities, positions, cells, strict=True)):
        count = len(places)
        pairs, _ = neighbours(places, Cell(cell))  # the same at every threshold
        water = Atoms(f"O{count}H{2 * count}")
        of_frame = {"frame": frame, "pressure": pressures[frame], "density": density(water, cell), "molecules": count}
        for threshold in thresholds:
            phase = assign(probability, threshold)
            kind = where_intermediate(phase, pairs, LDA, HDA)
            row = of_frame | {"threshold": threshold}
            for name, number in {"LDA": LDA, "HDA": HDA, "IA": INTERMEDIATE}.items():
                row[name] = (phase == number).mean()
            row |= {name: np.count_nonzero(kind == number) / count for name, number in KINDS.items()}
            for name, number in {"HDA": HDA, "IA": INTERMEDIATE}.items():
                sizes = cluster_sizes(phase == number, pairs)
                row |= {f"largest_{name}": sizes.max(initial=0), f"{name}_clusters": len(sizes)}
            rows.append(row)
    return pd.DataFrame(rows)


def likeliest_fractions(probabilities: np.ndarray, pressures: np.ndarray, phases: Sequence[str]) -> pd.DataFrame:
    """Fraction of molecules whose likeliest phase each is: columns pressure (GPa) and phases, a row for each frame.

    Parameters
    ----------
    probabilities
        (frames, molecules, phases).
    """
    likeliest = probabilities.argmax(2)
    shares = {name: (likeliest == number).mean(1) for number, name in enumerate(phases)}
    return pd.DataFrame({"pressure": pressures, **shares})


def smooth(pressures: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Mean of the values (frames,) near each pressure of `at`, GPa, with Gaussian weights.

    Their standard deviation is SMOOTHING, or the mean distance of the frames where this is larger.
    """
    width = max(SMOOTHING, np.ptp(pressures) / max(1, len(pressures) - 1))
    exponent = -((at[:, None] - pressures) ** 2) / (2 * width**2)
    weight = np.exp(exponent - exponent.max(1, keepdims=True))  # not all zero, however far the next frame is
    return weight @ values / weight.sum(1)


def compression_summary(table: pd.DataFrame, by_three: pd.DataFrame) -> pd.DataFrame:
    """What the paper says of its compression, beside ours at the threshold MAIN.

    All of it is read off curves that `smooth` has smoothed, at every MPa, because the maximum of noisy frames is the
    frame with the most noise. What the compression does not reach is empty.

    Parameters
    ----------
    table
        From `compression_table`.
    by_three
        From `likeliest_fractions` of the classifier of three phases, on the same frames.

    Returns
    -------
    Columns quantity, published, relation (what the published number is of the true one), unit, ours, source (section).

    Raises
    ------
    InputError
        A table without the threshold MAIN.
    """
    main = table[table.threshold == MAIN].reset_index(drop=True)
    if main.empty:
        raise InputError(f"the fractions are not known at the threshold {MAIN:g}; give it among the thresholds.")
    pressures = main.pressure.to_numpy()
    at = np.arange(np.ceil(1e3 * pressures.min()), np.floor(1e3 * pressures.max()) + 1) / 1e3
    main["held"] = main.largest_HDA / (main.HDA * main.molecules).clip(lower=1)  # share of HDA in its largest cluster
    main["MDA"] = by_three.MDA.to_numpy()
    names = ["LDA", "HDA", "IA", *KINDS, "MDA", "largest_HDA", "HDA_clusters", "held"]
    curves = pd.DataFrame({name: smooth(pressures, main[name].to_numpy(float), at) for name in names}, at)
    early = curves.reindex([EARLY]).iloc[0]
    peak = curves.IA.idxmax()
    most = curves.loc[peak]
    before = curves.largest_HDA.reindex([round(peak - BEFORE, 3)]).iloc[0]
    ours = {
        f"LDA at {EARLY:g} GPa": early.LDA,
        f"HDA at {EARLY:g} GPa": early.HDA,
        f"largest HDA cluster at {EARLY:g} GPa": early.largest_HDA,
        "pressure at which LDA and HDA are equal": _crossing(at, (curves.HDA - curves.LDA).to_numpy()),
        "pressure of the largest IA fraction": peak,
        "largest IA fraction": most.IA,
        "interfacial part of it": most.interfacial / most.IA if most.IA else np.nan,
        "isolated part of it": most.isolated / most.IA if most.IA else np.nan,
        f"largest HDA cluster {BEFORE:g} GPa before": before,
        "MDA by the classifier of three phases": most.MDA,
        "pressure of the most HDA clusters": curves.HDA_clusters.idxmax(),
        "most HDA clusters": curves.HDA_clusters.max(),
        "pressure from which one cluster holds 95% of HDA": _from_here_on(at, curves.held.to_numpy() >= ONE_CLUSTER),
    }
    table = pd.read_csv(str(files("icescope.amorphous") / "published_compression.csv"), dtype={"unit": str})
    table.insert(4, "ours", table.quantity.map(ours))
    table.attrs["title"] = "Compression of LDA: published numbers and ours"
    return table.fillna({"relation": "", "source": ""})


def intermediate_peaks(table: pd.DataFrame) -> pd.DataFrame:
    """The largest fraction of intermediate molecules, smoothed, and its pressure, GPa, at each threshold of a table."""
    rows = {}
    for threshold, of_one in table.groupby("threshold"):
        pressures = of_one.pressure.to_numpy()
        at = np.arange(pressures.min(), pressures.max(), 1e-3)
        curve = smooth(pressures, of_one.IA.to_numpy(), at)
        rows[threshold] = {"largest_IA": curve.max(), "pressure": at[curve.argmax()]}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("threshold")


def moments(table: pd.DataFrame) -> list[int]:
    """Frames of `compression_table` as far before and after LDA and HDA are equal as the paper's four slices are.

    Evenly spread frames where they never are.
    """
    main = table[table.threshold == MAIN]
    pressures = main.pressure.to_numpy()
    at = np.arange(pressures.min(), pressures.max(), 1e-3)
    difference = smooth(pressures, (main.HDA - main.LDA).to_numpy(), at)
    crossing = _crossing(at, difference)
    if np.isnan(crossing):
        return np.linspace(0, len(main) - 1, len(SLICES)).astype(int).tolist()
    return [int(np.abs(pressures - crossing - away).argmin()) for away in SLICES]


def _crossing(at: np.ndarray, difference: np.ndarray) -> float:
    """Where a difference first becomes positive, interpolated, or NaN."""
    after = np.flatnonzero((difference[1:] > 0) & (difference[:-1] <= 0))
    if not len(after):
        return np.nan
    low, high = after[0], after[0] + 1
    return float(at[low] - difference[low] * (at[high] - at[low]) / (difference[high] - difference[low]))


def _from_here_on(at: np.ndarray, true: np.ndarray) -> float:
    """Lowest pressure from which it is true to the end, or NaN."""
    start = len(true) - np.argmin(true[::-1]) if not true.all() else 0
    return float(at[start]) if start < len(at) else np.nan
