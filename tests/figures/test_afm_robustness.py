"""Robustness: a panel an effect with the curves and break points of the tables."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_robustness import draw_robustness
from icescope.figures.page import save_figure
from icescope.learning.robustness import break_points

STRENGTHS = {"blur": [0.0, 0.5, 1.0], "tip higher": [-1.0, 0.0, 1.0], "hum": [0.0, 0.2, 0.4]}
UNITS = {"blur": "Å", "tip higher": "Å", "hum": "of the contrast"}
USUAL = {"blur": 0.5, "tip higher": 0.3, "hum": np.nan}


@pytest.fixture
def curves():
    """Oxygen keeps 0.9; hydrogen falls with distance from zero, from 0.8 to 0.2 at the ends of each range."""
    rows = [
        (effect, s, decoding, species, 0.9 if species == "O" else 0.8 - 0.6 * abs(s) / max(strengths))
        for effect, strengths in STRENGTHS.items()
        for s in strengths
        for decoding in ("peaks", "ice rules")
        for species in "OH"
    ]
    index = ["effect", "strength", "decoding", "what"]
    table = pd.DataFrame(rows, columns=[*index, "accuracy"])
    return table.assign(unit=table.effect.map(UNITS), usual=table.effect.map(USUAL)).set_index(index)


@pytest.fixture
def figure(curves):
    return draw_robustness(curves, break_points(curves))


def test_each_effect_has_a_panel_with_its_curves(figure, curves):
    for axis, (effect, strengths) in zip(figure.axes, STRENGTHS.items(), strict=False):
        assert (axis.get_title(), axis.get_xlabel()) == (effect, UNITS[effect])
        drawn = axis.lines[::2]
        assert len(drawn) == 4
        for line, (_, curve) in zip(drawn, curves.loc[effect].groupby(["decoding", "what"]), strict=True):
            np.testing.assert_allclose(line.get_xydata(), np.column_stack([strengths, 100 * curve.accuracy]))
        assert axis.xaxis.get_tick_params()["labelbottom"]  # each has its own strengths
    assert figure.axes[0].get_ylabel() == "accuracy (%)"


def test_crosses_stand_where_half_is_lost(figure):
    """Hydrogen falls from 80 to 40 % two thirds of the way; oxygen never."""
    for axis, expected in zip(figure.axes, ([np.nan, 2 / 3], [-2 / 3, 2 / 3], [np.nan, 0.8 / 3]), strict=False):
        hydrogen, oxygen = axis.lines[1], axis.lines[3]
        np.testing.assert_allclose(hydrogen.get_xdata(), expected)
        np.testing.assert_allclose(hydrogen.get_ydata(), 40)
        assert np.isnan(oxygen.get_xdata()).all()


def test_usual_strengths_are_shaded_where_they_are_known(figure):
    spans = [[(p.get_x(), p.get_x() + p.get_width()) for p in axis.patches] for axis in figure.axes[:3]]
    assert spans == [[(0, 0.5)], [(-0.3, pytest.approx(0.3))], []]


def test_same_data_gives_the_same_bytes(figure, curves, tmp_path):
    for name, one in (("a", figure), ("b", draw_robustness(curves, break_points(curves)))):
        save_figure(one, curves, tmp_path / f"{name}.png", tmp_path / f"{name}.csv")
    for kind in ("png", "csv"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
