"""Shares of phases: the lines are the columns of the table, in the colours of the phases, against time or frames."""

import numpy as np
import pandas as pd
import pytest

from icescope.amorphous.phases import MODELS
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import save_figure
from icescope.figures.phase_fractions import draw_fractions


def made(model: str, frames: int) -> pd.DataFrame:
    """A transformation of the first phase into the last, half way through."""
    names = [*MODELS[model], "IA"]
    done = 1 / (1 + np.exp(-np.linspace(-6, 6, frames)))
    shares = {name: np.full(frames, 0.05) for name in names} | {"LDA": 0.9 * (1 - done), "HDA": 0.9 * done}
    table = pd.DataFrame({"time_ps": 0.5 * np.arange(frames), **shares})
    return table.rename_axis("frame")


@pytest.mark.parametrize("model", MODELS)
def test_lines_are_the_columns_of_the_table(model, tmp_path):
    table = made(model, 30)
    figure = draw_fractions(table, 0.95)
    axis = figure.axes[0]
    assert [line.get_label() for line in axis.lines] == [*MODELS[model], "IA"]
    for line in axis.lines:
        np.testing.assert_allclose(line.get_xydata(), np.stack([table.time_ps, 100 * table[line.get_label()]], axis=1))
        assert line.get_color() == COLOURS[line.get_label()]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("time (ps)", "share of molecules (%)")
    assert "0.95" in figure.legends[0].get_title().get_text()
    save_figure(figure, table, tmp_path / "a.png", tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv", index_col="frame"), table, rtol=1e-5)


def test_times_that_are_not_all_known_give_way_to_frames():
    table = made("M2", 5)
    table.loc[3, "time_ps"] = np.nan
    axis = draw_fractions(table, 0.95).axes[0]
    assert axis.get_xlabel() == "frame" and axis.lines[0].get_xdata().tolist() == [0, 1, 2, 3, 4]


def test_a_single_frame_can_be_seen():
    assert draw_fractions(made("M2", 1), 0.95).axes[0].lines[0].get_marker() == "o"
    assert draw_fractions(made("M2", 500), 0.95).axes[0].lines[0].get_marker() == "None"
