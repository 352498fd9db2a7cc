"""Figure 4: a line for each origin and protocol, a band over the seeds, in percent of atoms."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_fig4 import draw_fig4, learning_curves

SIZES = [10, 20]
SPECIES = ["O", "H", "H up", "Na", "K"]


def scores(base):
    """Two seeds, 0.1 apart, and the species apart by 0.05."""
    index = pd.MultiIndex.from_product([[7, 8], SPECIES], names=["seed", "species"])
    accuracy = base + np.add.outer([0, 0.1], [0.05, 0, 0, 0.1, np.nan]).ravel()
    return pd.DataFrame({"accuracy": accuracy, "best": 1, "worst": 0, "chance": 0.1, "loss": 0.01, "samples": 4}, index)


@pytest.fixture
def curves():
    networks = [
        {"origin": origin, "size": size, "protocol": protocol}
        for origin, size, protocol in product(("transfer", "scratch"), SIZES, ("epochs", "steps"))
    ]
    base = [0.3, 0.4, 0.6, 0.6, 0.0, 0.1, 0.2, 0.2]
    networks.append({"origin": "point_charges", "size": 20, "protocol": "epochs"})
    return learning_curves(networks, [scores(one) for one in [*base, 0.5]])


def test_table_has_a_row_for_each_network_seed_and_species_shown(curves):
    assert len(curves) == 9 * 2 * 3 and curves.index.is_unique
    assert set(curves.index.unique("species")) == {"Na", "O", "H"}
    assert curves.accuracy["scratch", "steps", 10, 8, "O"] == pytest.approx(0.25)


def test_lines_are_means_over_seeds_and_bands_reach_the_worst_and_best(curves):
    figure = draw_fig4(curves)
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["sodium", "oxygen", "hydrogen"]
    hydrogen = panels[2]
    lines = {line.get_label(): line for line in hydrogen.lines}
    np.testing.assert_allclose(lines["pretrained on water, equal epochs"].get_ydata(), [35, 65])
    np.testing.assert_allclose(lines["from scratch, equal steps"].get_ydata(), [15, 25])
    assert lines["from scratch, equal steps"].get_linestyle() == "--"
    assert lines["from scratch, equal steps"].get_xdata().tolist() == SIZES
    band = hydrogen.collections[0].get_paths()[0].vertices
    assert {tuple(np.round(point)) for point in band} == {(10, 30), (10, 40), (20, 60), (20, 70)}
    oxygen = {line.get_label(): line for line in panels[1].lines}
    np.testing.assert_allclose(oxygen["pretrained on water, equal epochs"].get_ydata(), [40, 70])


def test_images_from_point_charges_are_a_cross_at_the_largest_size(curves):
    hydrogen = draw_fig4(curves).axes[2]
    (cross,) = [line for line in hydrogen.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(cross.get_xydata(), [[20, 55]])


def test_axes_say_what_they_are(curves):
    panels = draw_fig4(curves).axes
    assert panels[0].get_ylabel() == "accuracy (%)" and panels[0].get_ylim() == (0, 100)
    assert all(panel.get_xlabel() == "hydrates to learn from" for panel in panels)
