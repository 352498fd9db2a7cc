"""The figure of the surface over temperature: lines, bounds, states, and views whose rings cross the boundary."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from icescope.figures.premelting_phase_diagram import draw_phase_diagram, shown_holds
from icescope.figures.surface_view import RING_COLOURS, View, view
from icescope.premelting.layers import bilayers
from icescope.premelting.states import MOBILE, amorphous_bounds, surface_states
from icescope.premelting.surface import surface

KELVIN = (100.0, 150.0, 200.0)


@pytest.fixture(scope="module")
def layers() -> pd.DataFrame:
    rows = [
        (slab, side, direction, kelvin, depth, order if depth == 0 else 1.0, mobility * MOBILE)
        for slab in (0, 1)
        for side in ("lower", "upper")
        for direction, count in (("heating", 3), ("cooling", 2))
        for kelvin, order, mobility in list(zip(KELVIN, (0.9, 0.6, 0.3), (-0.1, 0.5, 30.0), strict=True))[:count]
        for depth in (0, 1)
    ]
    columns = ["slab", "side", "direction", "temperature_K", "depth", "hexagonal_order", "diffusion_A2_per_ps"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture(scope="module")
def seen() -> View:
    slab = surface([3, 3, 2], 20.0, seed=2)
    oxygens = slab.positions[::3]
    return view(oxygens, slab.cell, bilayers(slab).of(oxygens, slab.cell[2, 2]) == 3)


def test_panels_show_lines_states_and_views(layers, seen):
    figure = draw_phase_diagram(
        surface_states(layers, 1), amorphous_bounds(layers, 1), {"100 K, heating": seen, "100 K, cooling": seen}
    )
    order, mobility, diagram = figure.subfigs[0].axes
    assert [line.get_linestyle() for line in order.lines] == ["-", "--", "-", "--", ":"]
    assert order.lines[0].get_ydata().tolist() == pytest.approx([0.9, 0.6, 0.3])
    assert mobility.get_ylabel() == "diffusion along the surface (cm²/s)"
    assert mobility.lines[0].get_ydata()[2] == pytest.approx(30 * MOBILE * 1e-4)
    assert [bar.get_width() for bar in diagram.patches[:3]] == [25, 50, 25]
    assert [label.get_text() for label in diagram.get_yticklabels()] == ["heating", "cooling", "published"]
    marks = [line for line in diagram.lines if line.get_marker() in "<>"]
    assert [float(mark.get_xdata()[0]) for mark in marks[:2]] == pytest.approx([125.0, 150 + 50 * 0.5 / 29.5])
    assert len(figure.subfigs[1].axes) == 2


def test_rings_cover_the_whole_cell_once(layers, seen):
    """Also those that cross its boundary: hexagons tile the plane."""
    figure = draw_phase_diagram(surface_states(layers, 1), amorphous_bounds(layers, 1), {"100 K": seen})
    (axis,) = figure.subfigs[1].axes
    polygons = [path for one in axis.collections if isinstance(one, PolyCollection) for path in one.get_paths()]
    assert len(polygons) == 9 * len(seen.rings)
    rng = np.random.default_rng(3)
    for point in rng.uniform(0, 1, (40, 2)) * seen.edges:
        assert sum(path.contains_point(point) for path in polygons) == 1


def test_rings_are_told_apart_by_colours_of_their_own():
    assert len(set(RING_COLOURS.values())) == len(RING_COLOURS)


def test_four_holds_are_shown():
    assert shown_holds(["heating"] * 5 + ["cooling"] * 4) == [0, 2, 4, 8]
    assert shown_holds(["heating"] * 2 + ["cooling"]) == [0, 1, 2]
