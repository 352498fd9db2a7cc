"""Layers of a flat interface on one principal component: are they like MDA, or a mixture of LDA and HDA?

Shupletsova and Stegailov 2026, fig. 8. A layer between LDA and HDA is halfway between them whatever it is made of: an
equal mixture of molecules of both has the same mean, and is what the layer must be compared with.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from icescope.amorphous.pca import separation_accuracy
from icescope.amorphous.phases import MODELS

PHASES = MODELS["M3"]
REGIONS = ("I", "II", "III")  # layers of LDA, of the interface, of HDA
MIXTURE = "mixture"  # of the layers I and III, half and half
POINTS = 600  # on the axis of a component
SCOTT = 1.06  # width of the kernel is 1.06 s n^(-1/5) for a normal distribution


def separation(training: dict[str, np.ndarray]) -> pd.Series:
    """`pca.separation_accuracy` by component, from 1.

    Parameters
    ----------
    training
        By phase (molecules, components).
    """
    scores = np.concatenate([training[phase] for phase in PHASES])
    phase = np.repeat(np.arange(len(PHASES)), [len(training[one]) for one in PHASES])
    shares = [separation_accuracy(one, phase) for one in scores.T]
    return pd.Series(shares, range(1, scores.shape[1] + 1))


def densities(
    training: dict[str, np.ndarray], layers: dict[str, np.ndarray], component: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """Distributions along one component, smoothed alike, so that none is broader for having fewer molecules.

    Parameters
    ----------
    training, layers
        By phase of PHASES, and by region of REGIONS, (molecules, components).
    component
        From 1.

    Returns
    -------
    Places (POINTS,) on the axis, and by phase, region and MIXTURE the density there; each has an integral of 1.
    """
    values = _values(training, layers, component)
    everything = np.concatenate(list(values.values()))
    fewest = min(map(len, values.values()))
    spread = np.mean([values[phase].std() for phase in PHASES])
    kernel = SCOTT * spread * fewest**-0.2
    limits = everything.min() - 4 * kernel, everything.max() + 4 * kernel
    step = (limits[1] - limits[0]) / POINTS
    found = {}
    for name, one in values.items():
        counts, _ = np.histogram(one, POINTS, limits, density=True)
        found[name] = gaussian_filter1d(counts, kernel / step, mode="constant")
    found[MIXTURE] = (found["I"] + found["III"]) / 2
    return limits[0] + step * (np.arange(POINTS) + 0.5), pd.DataFrame(found)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """1 less the total variation distance of two densities at the same places: 1 if they are the same, 0 if apart."""
    return float(np.minimum(one, other).sum() / ((one.sum() + other.sum()) / 2))


def compare_layers(training: dict[str, np.ndarray], layers: dict[str, np.ndarray], component: int) -> pd.DataFrame:
    """Mean, width and overlaps of the distributions of `densities`, whose parameters it shares.

    Returns
    -------
    Rows of PHASES, REGIONS and MIXTURE: molecules, mean, deviation (standard), "to LDA", "to MDA", "to HDA" (distance
    of the mean to theirs), "overlap LDA", "overlap MDA", "overlap HDA", and "overlap mixture".
    """
    values = _values(training, layers, component)
    _, found = densities(training, layers, component)
    rows = {}
    for name, one in values.items():
        rows[name] = {"molecules": len(one), "mean": one.mean(), "deviation": one.std(ddof=1)}
    low, high = values["I"], values["III"]
    rows[MIXTURE] = {"molecules": len(low) + len(high), "mean": (low.mean() + high.mean()) / 2}
    variance = (low.var(ddof=1) + high.var(ddof=1)) / 2 + (low.mean() - high.mean()) ** 2 / 4
    rows[MIXTURE]["deviation"] = np.sqrt(variance)
    for name, row in rows.items():
        row |= {f"to {phase}": abs(row["mean"] - rows[phase]["mean"]) for phase in PHASES}
        row |= {f"overlap {other}": overlap(found[name], found[other]) for other in (*PHASES, MIXTURE)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _values(training: dict[str, np.ndarray], layers: dict[str, np.ndarray], component: int) -> dict[str, np.ndarray]:
    """(molecules,) along one component, by phase and region."""
    values = {phase: training[phase][:, component - 1] for phase in PHASES}
    return values | {region: layers[region][:, component - 1] for region in REGIONS}
