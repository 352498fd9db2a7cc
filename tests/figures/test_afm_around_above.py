"""Waters around and above the ion: bars are the accuracies, with the numbers of atoms behind them."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_around_above import around_above_table, draw_around_above

ROWS = pd.MultiIndex.from_product([["around", "above"], ["O", "H"]], names=["place", "species"])


def counts(*rows):
    return pd.DataFrame(rows, ROWS, ["true_positive", "false_positive", "false_negative"])


@pytest.fixture
def table():
    simple = counts([9, 0, 1], [6, 2, 2], [0, 0, 0], [0, 0, 0])  # none above
    return around_above_table({"simple": simple, "complex": counts([4, 0, 1], [2, 1, 2], [1, 0, 1], [0, 1, 2])})


def test_accuracy_is_that_of_the_counts(table):
    assert table.accuracy["simple", "around", "O"] == 0.9 and table.accuracy["simple", "around", "H"] == 0.6
    assert np.isnan(table.accuracy["simple", "above", "O"]) and table.accuracy["complex", "above", "H"] == 0


def test_bars_are_accuracies_by_set_and_place_and_carry_their_atoms(table):
    oxygen, hydrogen = draw_around_above(table).axes
    heights = [bar.get_height() for bar in oxygen.patches]
    np.testing.assert_allclose(heights, [90, 80, np.nan, 50])  # around, then above; simple, then complex
    assert [text.get_text() for text in oxygen.texts] == ["10", "5", "0", "2"]
    np.testing.assert_allclose([bar.get_height() for bar in hydrogen.patches], [60, 40, np.nan, 0])
    assert [text.get_text() for text in oxygen.get_xticklabels()] == ["simple", "complex"]
    assert oxygen.get_ylabel() == "accuracy (%)"
