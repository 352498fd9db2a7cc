import numpy as np
import pytest

from icescope.reliability import expected_calibration_error, reliability, risk_coverage


def test_error_by_hand():
    confidence, right = np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, False, False, False])
    table = reliability(confidence, right, bins=2)
    assert table.share_right.tolist() == [0.0, 0.5] and table.atoms.tolist() == [2, 2]
    assert expected_calibration_error(confidence, right, bins=2) == pytest.approx((0.1 + 0.4) / 2)


def test_risk_falls_to_that_of_all_atoms():
    table = risk_coverage(np.array([0.2, 0.9, 0.5, 0.7]), np.array([False, True, False, True]))
    assert table.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert table.risk.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])
