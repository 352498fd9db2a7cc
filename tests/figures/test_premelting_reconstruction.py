"""The table and the figure of faces read from images."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.premelting_reconstruction import draw_reconstruction, reconstruction_table
from icescope.premelting.faces import face
from icescope.premelting.layers import bilayers
from icescope.premelting.surface import surface

HOLDS = (("heating", 100.0), ("heating", 200.0), ("cooling", 100.0))


@pytest.fixture(scope="module")
def faces() -> pd.DataFrame:
    rows = []
    for direction, kelvin in HOLDS:
        for right, order in ((72, 0.9), (36, 0.5)):
            counts = {"O true_positive": right, "O false_positive": 0, "O false_negative": 72 - right}
            counts |= {"H true_positive": 100, "H false_positive": 20, "H false_negative": 44}
            orders = {"hexagonal_order": order, "hexagonal_order read": 0.7, "vertical_error": 0.1}
            rows.append({"direction": direction, "temperature_K": kelvin, "side": "upper"} | counts | orders)
    return pd.DataFrame(rows)


def test_accuracy_is_pooled_over_faces(faces):
    table = reconstruction_table(faces)
    assert table.index.tolist() == list(HOLDS)
    row = table.iloc[0]
    assert row["O accuracy"] == pytest.approx(108 / 144)
    assert (row["O worst"], row["O best"]) == (0.5, 1.0)
    assert row["H accuracy"] == pytest.approx(100 / 164)
    assert row["hexagonal_order"] == row["hexagonal_order read"] == pytest.approx(0.7)
    assert row.error == pytest.approx(0.2)  # not the difference of the means


def test_figure_has_images_readings_and_truth_of_the_holds_shown(faces):
    slab = surface([3, 3, 2], 25.0, seed=3)
    structures = []
    for direction, kelvin in HOLDS:
        for side in ("lower", "upper"):
            there = face(slab, bilayers(slab), side)
            read = there[there.arrays["depth"] == 0]
            for atoms in (there, read):
                atoms.info |= {"direction": direction, "temperature_K": kelvin, "side": side}
                structures.append(atoms)
    figure = draw_reconstruction(reconstruction_table(faces), structures, 1.0)
    grid, (order, right) = figure.subfigs[0].axes, figure.subfigs[1].axes
    assert len(grid) == 9
    assert [axis.get_title() for axis in grid[:3]] == ["100 K, heating", "200 K, heating", "100 K, cooling"]
    assert all(len(axis.images) == 1 for axis in grid[:3])
    for read, there in zip(grid[3:6], grid[6:], strict=True):
        for mine, true in zip(read.lines, there.lines, strict=True):
            np.testing.assert_allclose(mine.get_xydata(), true.get_xydata())
    assert [line.get_xdata().tolist() for line in order.lines[:4]] == [[100.0, 200.0]] * 4  # the way down from the top
    assert [line.get_linestyle() for line in right.lines] == ["-", "-", "--", "--"]
