"""Whether a confidence means what it says, and what it is worth to keep only the most certain."""

import numpy as np
import pandas as pd

BINS = 15


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Share of right ones in bins of equal numbers by confidence.

    Columns: confidence (mean), share_right, atoms.
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return pd.DataFrame(
        {
            "confidence": [confidence[part].mean() for part in parts],
            "share_right": [right[part].mean() for part in parts],
            "atoms": [len(part) for part in parts],
        }
    )


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Mean distance of confidence and share of right ones, over the bins of `reliability` (Naeini et al. 2015)."""
    table = reliability(confidence, right, bins)
    return float(np.average((table.confidence - table.share_right).abs(), weights=table.atoms))


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Share of wrong ones among the most certain ones, against the share of all that these are.

    Columns: coverage, risk; one row each, the most certain first.
    """
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    return pd.DataFrame({"coverage": kept / len(order), "risk": np.cumsum(~right[order]) / kept})
