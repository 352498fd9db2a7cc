"""Confidence that means something: how often atoms of a given confidence are right, learnt on validation windows."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.special import expit, logit

from icescope.maps.scores import match
from icescope.structures.samples import in_window

FAINTEST = 1e-4  # confidences are kept this far from 0 and 1, where log odds end
LEAST_OF_BOTH = 20  # right and wrong atoms that a calibration is learnt from, at least


def right_or_wrong(
    predicted: Sequence[Atoms],
    true: Sequence[Atoms],
    size: Sequence[float],
    radius: dict[str, float],
    name: Callable[[Atoms], np.ndarray] = lambda atoms: np.array(atoms.get_chemical_symbols()),
) -> pd.DataFrame:
    """Which predicted atoms inside the window are there, one row an atom: sample, species, confidence, right.

    Parameters
    ----------
    predicted, true
        Structures, A; the predicted ones with an array "confidence".
    size
        Width and height of the window, A.
    radius
        Matching radius of each species, A.
    name
        What the column "species" calls each predicted atom.
    """
    rows = []
    for sample, (found, there) in enumerate(zip(predicted, true, strict=True)):
        inside = in_window(found.positions, size)
        names = name(found)
        for symbol, r in radius.items():
            of_species = np.flatnonzero(found.symbols == symbol)
            right = np.zeros(len(of_species), bool)
            right[match(found.positions[of_species, :2], there.positions[there.symbols == symbol, :2], r)[0]] = True
            kept = inside[of_species]
            confidence = found.arrays["confidence"][of_species][kept]
            rows.append(
                pd.DataFrame(
                    {
                        "sample": sample,
                        "species": names[of_species][kept],
                        "confidence": confidence,
                        "right": right[kept],
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def calibrate(atoms: pd.DataFrame) -> dict[str, list[float]]:
    """Slope and intercept by species of the log odds that an atom is right, in those of its confidence (Platt 1999).

    A species with too few atoms, right or wrong, to learn from keeps its confidence: slope 1, intercept 0.

    Parameters
    ----------
    atoms
        From `right_or_wrong`.
    """
    from sklearn.linear_model import LogisticRegression  # takes 2 s to import, which predictions need not

    found = {}
    for species, some in atoms.groupby("species"):
        found[species] = [1.0, 0.0]
        if min(some.right.sum(), (~some.right).sum()) >= LEAST_OF_BOTH:
            fit = LogisticRegression(C=np.inf).fit(_log_odds(some.confidence)[:, None], some.right)
            found[species] = [float(fit.coef_[0, 0]), float(fit.intercept_[0])]
    return found


def best_thresholds(atoms: pd.DataFrame, there: dict[str, int]) -> dict[str, float]:
    """Confidence by species above which atoms are kept for the best accuracy, TP / (TP + FP + FN).

    Halfway between the faintest atom that is kept and the next one, or 0, so that rounding drops no atom.

    Parameters
    ----------
    atoms
        From `right_or_wrong`.
    there
        True atoms of each species.
    """
    best = {}
    for species, some in atoms.groupby("species"):
        some = some.sort_values("confidence", ascending=False)
        if some.right.any():
            accuracy = some.right.cumsum() / (there[species] + (~some.right).cumsum())
            best[species] = float(np.append(some.confidence, 0)[accuracy.argmax() :][:2].mean())
    return best


def probability(confidence: np.ndarray, species: np.ndarray, calibration: dict[str, list[float]]) -> np.ndarray:
    """Calibrated confidence (n,) of atoms, from 0 to 1."""
    slope, intercept = np.array([calibration.get(one, [1.0, 0.0]) for one in species]).reshape(-1, 2).T
    return expit(slope * _log_odds(confidence) + intercept)


def _log_odds(confidence: np.ndarray) -> np.ndarray:
    return logit(np.clip(np.asarray(confidence, float), FAINTEST, 1 - FAINTEST))
