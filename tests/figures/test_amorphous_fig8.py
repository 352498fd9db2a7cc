"""Figure 8: the training data filled, the layers as lines, the mixture dotted, on the component that is asked for."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from icescope.figures.amorphous_fig8 import Projected, draw_fig8, projected_layers

CENTRES = {"LDA": -7.0, "MDA": 0.0, "HDA": 7.0}


def molecules(centre: float, count: int, seed: int, component: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(scale=2.5, size=(count, 2))
    values[:, component - 1] += centre
    return values


@pytest.fixture
def panels() -> dict[str, Projected]:
    """Two sets of descriptors, whose first and second component separates the phases."""
    found = {}
    for component, name in enumerate(("O", "O,H"), start=1):
        training = {phase: molecules(centre, 2000, 1, component) for phase, centre in CENTRES.items()}
        layers = {"I": molecules(-7, 400, 2, component), "III": molecules(7, 400, 3, component)}
        layers["II"] = molecules(0.5, 400, 4, component) * [1.3, 1.3]
        found[name] = Projected(training, layers, component)
    return found


def test_table_says_which_component_is_best(panels):
    table = projected_layers(panels)
    assert len(table) == 2 * 7 and table.index.names == ["descriptors", "distribution"]
    assert table["best component"]["O"].eq(1).all() and table["best component"]["O,H"].eq(2).all()
    assert (table.separation == table["best separation"]).all()
    other = {"O": panels["O"]._replace(component=2)}
    of_other = projected_layers(other).loc["O"]
    assert of_other.separation.eq(of_other["best separation"]).sum() == 0 and of_other["best component"].eq(1).all()


def test_layers_are_lines_over_filled_training_data(panels):
    figure = draw_fig8(panels, projected_layers(panels))
    assert [axis.get_xlabel() for axis in figure.axes] == ["PC1", "PC2"]
    for axis in figure.axes:
        filled = {one.get_label(): to_hex(one.get_facecolor()[0]) for one in axis.collections}
        assert filled == {"LDA, training": "#e69f00", "MDA, training": "#cc79a7", "HDA, training": "#0072b2"}
        lines = {line.get_label(): line for line in axis.lines}
        assert list(lines) == ["I, LDA", "II, interface", "III, HDA", "mixture of I and III"]
        assert lines["mixture of I and III"].get_linestyle() == ":"
        peaks = {label: line.get_xdata()[line.get_ydata().argmax()] for label, line in lines.items()}
        assert peaks["I, LDA"] == pytest.approx(-7, abs=1) and peaks["III, HDA"] == pytest.approx(7, abs=1)
        assert peaks["II, interface"] == pytest.approx(0.65, abs=1.2)


def test_overlaps_are_in_the_title(panels):
    table = projected_layers(panels)
    first = draw_fig8(panels, table).axes[0].get_title()
    row = table.loc[("O", "II")]
    assert row["overlap MDA"] > 0.8 > row["overlap mixture"]
    assert f"MDA {row['overlap MDA']:.2f}" in first and f"mixture {row['overlap mixture']:.2f}" in first
