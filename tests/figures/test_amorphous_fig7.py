"""Figure 7: the snapshot's colours and boxes, profiles with their fit, and the table that sets the seam beside them."""

import numpy as np
import pytest
from flat_interface import HIGH, LENGTHS, LOW, cells, frozen, places, share
from matplotlib.colors import to_hex

from icescope.amorphous.interface import ROUNDS
from icescope.figures.amorphous_fig7 import MODELS, SLICE, Sandwich, draw_fig7, flat_interface
from icescope.figures.page import save_figure

LEFT, RIGHT = 35.0, 85.0


@pytest.fixture(scope="module")
def relaxed() -> Sandwich:
    """The same two frames for both models, with an uncertain molecule wherever p is between."""
    _, positions, boxes = frozen(LEFT, RIGHT, 1, frames=2)
    p = LOW + (HIGH - LOW) * share(positions[..., 0], LEFT, RIGHT)
    return Sandwich({model: p for model in MODELS}, positions, boxes)


@pytest.fixture(scope="module")
def joined() -> Sandwich:
    sites = places(2)
    p = np.where(share(sites[:, 0], LEFT, RIGHT, 0.01) > 0.5, HIGH, LOW)
    return Sandwich({model: p[None] for model in MODELS}, sites[None], cells(1))


@pytest.fixture(scope="module")
def table(relaxed, joined):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icescope.figures.amorphous_fig7.pooled_interface", few_rounds)
        return flat_interface({"relaxed": relaxed, "as joined": joined}, seed=3)


def few_rounds(*arguments):
    from icescope.amorphous.interface_frames import pooled_interface

    return pooled_interface(*arguments, rounds=ROUNDS // 20)


def test_table_has_both_models_before_and_after(table):
    assert table.index.names == ["model", "state", "side"]
    assert len(table) == len(MODELS) * 2 * 3 and table.index.is_unique
    for model in MODELS:
        assert table["5-95"][model, "relaxed", "mean"] == pytest.approx(11.0, abs=0.3)
        assert table["5-95"][model, "as joined", "mean"] < 1
        assert table.unsure[model, "as joined", "mean"] == 0 < table.unsure[model, "relaxed", "mean"]


def test_snapshot_is_a_slice_in_the_colours_of_the_phases(relaxed, joined, table):
    snapshot = draw_fig7(relaxed, joined, table).axes[0]
    assert snapshot.get_aspect() == 1
    positions, probability = relaxed.positions[-1] % LENGTHS, relaxed.probabilities["O"][-1]
    seen = np.abs(positions[:, 2] - LENGTHS[2] / 2) < SLICE / 2
    dots = {dots.get_label(): dots for dots in snapshot.collections}
    assert {name: to_hex(one.get_facecolor()[0]) for name, one in dots.items()} == {
        "LDA": "#e69f00",
        "HDA": "#0072b2",
        "IA": "#009e73",
    }
    assert len(dots["HDA"].get_offsets()) == (seen & (probability > 0.95)).sum()
    assert len(dots["LDA"].get_offsets()) == (seen & (probability < 0.05)).sum()
    assert sum(len(one.get_offsets()) for one in dots.values()) == seen.sum()


def test_boxes_are_the_regions_and_their_images(relaxed, joined, table):
    snapshot = draw_fig7(relaxed, joined, table).axes[0]
    starts = sorted(round(box.get_x()) for box in snapshot.patches)
    assert starts == [-90, -65, -5, 30, 55, 115]
    assert all(box.get_width() == pytest.approx(10) and box.get_height() == LENGTHS[1] for box in snapshot.patches)
    assert {text.get_text() for text in snapshot.texts} == {"I", "II", "III"}


def test_profiles_have_errors_a_fit_and_the_seam(relaxed, joined, table):
    panels = draw_fig7(relaxed, joined, table).axes[1:]
    assert [panel.texts[-1].get_text() for panel in panels] == ["M2(O)", "M2(O,H)"]
    for panel in panels:
        lines = {line.get_label(): line for line in panel.lines}
        x, y = lines["fit of two tanh"].get_data()
        np.testing.assert_allclose(y, LOW + (HIGH - LOW) * share(x, LEFT, RIGHT), atol=0.01)
        seam = lines["as joined"].get_ydata()
        assert ((seam < 0.021) | (seam > 0.979)).mean() > 0.95
        (points,) = [bars for bars in panel.containers if bars.get_label().startswith("relaxed")]
        assert points.has_yerr and len(points[0].get_xdata()) == 60
        assert panel.get_ylabel() == "P(HDA)" and "5-95 % 11." in panel.get_title(loc="left")
    assert panels[-1].get_xlabel() == "x (Å)"


def test_it_is_written(relaxed, joined, table, tmp_path):
    save_figure(draw_fig7(relaxed, joined, table), table, tmp_path / "a.png", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().startswith("model,state,side,position")
