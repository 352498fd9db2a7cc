"""Confusion matrices: rows are shares of the actual phase, and the title has the accuracy."""

import numpy as np
import pytest

from icescope.figures.amorphous_fig2 import PHASES, confusion_table, draw_fig2

CONFUSIONS = {
    "M3(O)": np.array([[2108, 280, 12], [200, 2040, 160], [3, 99, 2298]]),
    "M3(O,H)": np.array([[2130, 268, 2], [219, 2081, 100], [0, 127, 2273]]),
}


def test_table_has_counts_and_shares_of_the_actual_phase():
    table = confusion_table(CONFUSIONS).set_index(["model", "actual", "predicted"])
    assert table.molecules["M3(O)", "LDA", "MDA"] == 280
    assert table.share["M3(O)", "LDA", "MDA"] == 280 / 2400
    np.testing.assert_allclose(table.share.groupby(["model", "actual"]).sum(), 1)
    assert table.accuracy["M3(O)"].unique() == pytest.approx((2108 + 2040 + 2298) / 7200)


def test_actual_phases_go_down_and_predicted_ones_across():
    figure = draw_fig2(CONFUSIONS)
    panel = figure.axes[0]
    shown = {text.get_position(): text.get_text() for text in panel.texts if "." in text.get_text()}
    assert shown[1, 0] == "0.117" and shown[0, 1] == "0.083"  # x is the predicted phase, y the actual one
    assert [label.get_text() for label in panel.get_xticklabels()] == list(PHASES)
    assert panel.get_ylim()[0] > panel.get_ylim()[1]  # LDA at the top
    assert panel.get_xlabel() == "predicted phase" and panel.get_ylabel() == "actual phase"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_panel_for_each_classifier_with_its_accuracy(count):
    confusions = dict(list({**CONFUSIONS, "M3(H-bond)": CONFUSIONS["M3(O)"]}.items())[:count])
    titles = [panel.get_title() for panel in draw_fig2(confusions).axes[:count]]
    assert [title.split(":")[0] for title in titles] == list(confusions)
    assert titles[0] == "M3(O): accuracy 0.8953"
