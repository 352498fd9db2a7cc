import numpy as np
import pandas as pd
import pytest
from found import BOUND, SIZE, blurred, ice_windows

from icescope.learning.calibration import calibrate
from icescope.learning.confidence import STAGES, confidence_table, judge

LABELS = {"matching_radius": {"O": 0.74, "H": 0.528}, "pose_bound": BOUND}
CARD = {"network": {"output": "peaks"}, "labels": LABELS}


def windows(seed):
    """True windows, and peaks whose confidence says too little of whether they are right."""
    true = ice_windows(6, seed)
    rng = np.random.default_rng(seed)
    found = [blurred(one, rng, jitter=0.5) for one in true]
    for one in found:
        one.set_array("peak", np.ones(len(one), bool))
    return found, true


@pytest.fixture(scope="module")
def judged():
    learnt = judge(*windows(1), SIZE, CARD)
    card = CARD | {"calibration": calibrate(learnt[learnt.stage == "as predicted"])}
    return judge(*windows(2), SIZE, card)


def test_calibration_changes_confidences_and_no_atom(judged):
    raw, calibrated = (judged[judged.stage == stage] for stage in STAGES[:2])
    same = ["sample", "species", "right"]
    assert (raw[same].values == calibrated[same].values).all()
    assert (raw.confidence.values != calibrated.confidence.values).any()
    for _, hydrogen in calibrated.assign(raw=raw.confidence.values).groupby("species"):
        order = np.argsort(hydrogen.raw.values, kind="stable")
        assert (np.diff(hydrogen.confidence.values[order]) >= 0).all()


def test_calibration_learnt_on_other_windows_lowers_the_error(judged):
    error = confidence_table(judged).ece.groupby(["stage", "species"]).first()
    assert error["as predicted", "H"] > 0.1 > error["calibrated", "H"]


def test_ice_rules_keep_some_of_the_candidates(judged):
    counts = judged.groupby(["stage", "species"]).size()
    assert 0 < counts["ice rules", "H"] < counts["calibrated", "H"]


def test_bins_and_risk_by_hand():
    atoms = pd.DataFrame(
        {"stage": "calibrated", "species": "O", "confidence": [0.2, 0.9, 0.5, 0.7], "right": [False, True, False, True]}
    )
    table = confidence_table(atoms).loc[("calibrated", "O")]  # four atoms are four bins
    assert table.confidence.tolist() == [0.9, 0.7, 0.5, 0.2]
    assert table.share_right.tolist() == [1, 1, 0, 0] and table.atoms.tolist() == [1, 1, 1, 1]
    assert table.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert table.risk.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert table.ece.tolist() == pytest.approx([(0.1 + 0.3 + 0.5 + 0.2) / 4] * 4)


def test_no_atoms_give_an_empty_table(judged):
    assert confidence_table(judged[:0]).empty
