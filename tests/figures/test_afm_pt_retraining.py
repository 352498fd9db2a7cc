"""Before and after retraining: bars by species and surface, and the share of swapped donors with its interval."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_pt_retraining import SPECIES, draw_retraining, retraining_table, swap_table

KEYS = [(surface, stage) for surface in ("Au(111)", "Pt(111)") for stage in ("before", "after")]


def accuracy(base):
    values = base - 0.05 * np.arange(len(SPECIES) + 1)
    index = pd.Index([*SPECIES, "Na"], name="species")
    return pd.DataFrame({"accuracy": values, "best": values + 0.1, "worst": values - 0.1, "chance": 0.1}, index)


def scores(rate):
    rows = [("peaks", "hydrogen bond", "swap_rate"), ("ice rules", "hydrogen bond", "swap_rate"), ("peaks", "O", "f1")]
    index = pd.MultiIndex.from_tuples(rows, names=["decoding", "what", "score"])
    return pd.DataFrame({"value": [rate, rate / 2, 0.9], "low": rate / 4, "high": 2 * rate}, index)


@pytest.fixture
def tables():
    retraining = retraining_table(dict(zip(KEYS, map(accuracy, (0.9, 0.85, 0.6, 0.8)), strict=True)))
    return retraining, swap_table(dict(zip(KEYS, map(scores, (0.02, 0.03, 0.1, 0.04)), strict=True)))


def test_bars_are_the_accuracies_before_and_after_on_each_surface(tables):
    figure = draw_retraining(*tables)
    for panel, surface, before, after in zip(figure.axes, ("Au(111)", "Pt(111)"), (90, 60), (85, 80), strict=False):
        assert panel.get_title() == surface and panel.get_ylabel() == "accuracy (%)"
        heights = np.reshape([bar.get_height() for bar in panel.patches], (2, len(SPECIES)))
        np.testing.assert_allclose(heights, np.subtract.outer([before, after], 5 * np.arange(len(SPECIES))))
        assert [text.get_text() for text in panel.get_xticklabels()] == SPECIES


def test_swapped_donors_are_those_of_plain_peak_finding_with_their_intervals(tables):
    last = draw_retraining(*tables).axes[-1]
    np.testing.assert_allclose([bar.get_height() for bar in last.patches], [2, 10, 3, 4])  # before, then after
    lines = np.concatenate([lines.get_segments() for lines in last.collections])
    np.testing.assert_allclose(lines[:, :, 1], [[0.5, 4], [2.5, 20], [0.75, 6], [1, 8]])
    assert last.get_ylabel() == "share of hydrogen bonds (%)"
