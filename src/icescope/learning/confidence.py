"""Confidences of predicted atoms beside how often they are right: as predicted, calibrated, and under the ice rules."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from ase import Atoms

from icescope.learning.calibration import probability, right_or_wrong
from icescope.learning.decoding import decode
from icescope.reliability import expected_calibration_error, reliability, risk_coverage

STAGES = ("as predicted", "calibrated", "ice rules")


def judge(found: list[Atoms], true: Sequence[Atoms], size: Sequence[float], card: dict) -> pd.DataFrame:
    """Whether each predicted atom is there, at three stages of its way to a structure.

    "as predicted" and "calibrated" are the same atoms, all peaks; "ice rules" are those that the rules keep, with
    their calibrated confidence.

    Parameters
    ----------
    found
        From `decoding.candidates`, one a window.
    true
        Atoms of the same windows, A.
    size
        Width and height of the window, A.
    card
        Of the network's weights, with "calibration".

    Returns
    -------
    One row an atom: stage, sample, species, confidence, right.
    """
    radius = card["labels"]["matching_radius"]
    raw = right_or_wrong([one[one.arrays["peak"]] for one in found], true, size, radius)
    confidence = probability(raw.confidence, raw.species, card.get("calibration", {}))
    decided = right_or_wrong(decode(found, card), true, size, radius)
    tables = dict(zip(STAGES, (raw, raw.assign(confidence=confidence), decided), strict=True))
    return pd.concat(tables, names=["stage"]).reset_index("stage").reset_index(drop=True)


def confidence_table(judged: pd.DataFrame) -> pd.DataFrame:
    """Reliability and risk of the atoms of `judge`, in bins of equal numbers of atoms, the most certain first.

    Returns
    -------
    Rows by (stage, species, bin): mean confidence, share_right, atoms; coverage, the share of atoms down to the end of
    the bin; risk, the share of wrong ones among these; and ece, the error of all bins of that stage and species.
    """
    tables = {}
    for key, some in judged.groupby(["stage", "species"], sort=False):
        confidence, right = some.confidence.to_numpy(), some.right.to_numpy()
        table = reliability(confidence, right)[::-1].reset_index(drop=True)
        risk = risk_coverage(confidence, right).iloc[np.cumsum(table.atoms) - 1].reset_index(drop=True)
        tables[key] = table.join(risk).assign(ece=expected_calibration_error(confidence, right))
    columns = ["confidence", "share_right", "atoms", "coverage", "risk", "ece"]
    if not tables:
        index = pd.MultiIndex.from_arrays([[], [], []], names=["stage", "species", "bin"])
        return pd.DataFrame(columns=columns, index=index, dtype=float)
    return pd.concat(tables, names=["stage", "species", "bin"])[columns]
