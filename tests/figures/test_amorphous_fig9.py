"""Figure 9: a line a state, solid up and dashed down, coloured by pressure; right, in places of the ice."""

import numpy as np
import pytest
from flat_interface import HIGH, LENGTHS, LOW, MOLECULES, cells, places, share

from icescope.amorphous.interface_shift import PressedState, interface_shifts
from icescope.figures.amorphous_fig9 import MODELS, draw_fig9, pressed_interface

LEFT, RIGHT = 35.0, 85.0
SITES = places(1)
LUCK = np.random.default_rng(2).uniform(size=MOLECULES)


def state(pressure: float, direction: str, into_lda: float, along_x: float) -> PressedState:
    hda = share(SITES[:, 0], LEFT - into_lda, RIGHT + into_lda) > LUCK
    probability = np.where(hda, HIGH, LOW)[None]
    positions = (SITES * [along_x, 1, 1] + [40 * pressure, 0, 0])[None]  # it drifts, too
    return PressedState(pressure, direction, {model: probability for model in MODELS}, positions, cells(1, along_x))


@pytest.fixture(scope="module")
def states() -> list[PressedState]:
    return [
        state(0.2, "compression", 0, 1),
        state(0.6, "compression", 2, 0.95),
        state(0.2, "decompression", 1, 1),
    ]


@pytest.fixture(scope="module")
def table(states):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icescope.figures.amorphous_fig9.interface_shifts", few_rounds)
        return pressed_interface(states, seed=3)


def few_rounds(*arguments):
    return interface_shifts(*arguments, rounds=10)


def test_table_has_a_row_for_each_model_and_state(table):
    assert table.index.names == ["model", "state"] and len(table) == 6
    for model in MODELS:
        rows = table.loc[model]
        assert rows.direction.tolist() == ["compression", "compression", "decompression"]
        np.testing.assert_allclose(rows["shift"], [0, 2, 1], atol=0.6)
        assert rows.hysteresis[2] == pytest.approx(1, abs=0.5)


def test_lines_are_dashed_on_the_way_down_and_coloured_by_pressure(states, table):
    figure = draw_fig9(states, table)
    assert len(figure.axes) == 4
    for axis in figure.axes:
        assert [line.get_linestyle() for line in axis.lines] == ["-", "-", "--"]
        colours = [tuple(line.get_color()) for line in axis.lines]
        assert colours[0] == colours[2] != colours[1]
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["0.2 GPa, compression", "0.6 GPa, compression", "0.2 GPa, decompression"]


def middle(line, falling: bool = False) -> float:
    """Where a line that rises, or falls, crosses one half."""
    x, y = line.get_data()
    chosen = x > 0 if falling else x < 0
    return np.interp(0.5, *(np.sort(one) for one in ((1 - y[chosen]) if falling else y[chosen], x[chosen])))


def test_left_is_in_the_cell_and_right_in_the_ice(states, table):
    whole, close = draw_fig9(states, table).axes[:2]
    x = whole.lines[0].get_xdata()
    assert (np.diff(x) > 0).all() and abs(x[0]) <= LENGTHS[0] / 2
    assert middle(whole.lines[0]) == pytest.approx(-25, abs=1.5)
    assert middle(whole.lines[0], falling=True) == pytest.approx(25, abs=1.5)
    for line, into_lda in zip(close.lines, (0, 2, 1), strict=True):
        place, share_of_hda = line.get_data()
        near = np.abs(place) < 6
        slope, offset = np.polyfit(place[near], share_of_hda[near], 1)
        assert (0.5 - offset) / slope == pytest.approx(-into_lda, abs=0.7)


def test_words_and_units(states, table):
    axes = draw_fig9(states, table).axes
    assert axes[0].get_title() == "M2(O)" and axes[2].get_title() == "M2(O,H)"
    assert axes[0].get_ylabel() == "P(HDA)" and "(Å)" in axes[2].get_xlabel() and "(Å)" in axes[3].get_xlabel()
    assert axes[1].get_title().startswith("shift into LDA at 0.6 GPa 2.") and "back at 0.2 GPa" in axes[1].get_title()
    assert len(axes[0].figure.legends[0].get_texts()) == len(states)
