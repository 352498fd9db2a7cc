"""The figure of a hydrate from point charges and from DFT: what is drawn, and the numbers beside it."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from icescope.figures.afm_dft_vs_charges import PICONEWTON, draw_comparison
from icescope.figures.page import save_figure

AFM = {"amplitude": 1.0, "tip": {"multipole": "dz2"}}


def made_up(offset: float) -> xr.Dataset:
    """Flat differences: 10 mV, 2 pN and 0.3 Hz, times `offset`, on random planes."""
    rng = np.random.default_rng(1)
    tip_height, height = np.arange(6.6, 10.65, 0.1), np.arange(7.6, 9.65, 0.1)
    planes = {"potential": (tip_height, 0.01), "force": (tip_height, 2 / PICONEWTON), "frequency_shift": (height, 0.3)}
    variables = {}
    for name, (heights, step) in planes.items():
        base = rng.normal(size=(len(heights), 16, 16))
        dims = ("electrostatics", "height" if name == "frequency_shift" else "tip_height", "y", "x")
        variables[name] = (dims, np.stack([base, base + offset * step]))
    pixels = (np.arange(16) + 0.5) * 25 / 16
    return xr.Dataset(
        variables
        | {"position": (("atom", "xyz"), [[12.0, 12.0, 0.0], [14.0, 12.0, 0.1]]), "number": ("atom", [11, 8])},
        {"electrostatics": ["charges", "dft"], "height": height, "tip_height": tip_height, "x": pixels, "y": pixels},
    )


@pytest.fixture
def drawn():
    return draw_comparison({"monopole": made_up(1.0), "dz2": made_up(2.0)}, AFM)


def test_table_has_the_differences_in_their_units_for_both_tips(drawn):
    table = drawn[1].reset_index()
    assert len(table) == 2 * 3 * 3
    for tip, factor in (("monopole", 1), ("dz2", 2)):
        for unit, step in (("mV", 10.0), ("pN", 2.0), ("Hz", 0.3)):
            rows = table[(table.tip == tip) & (table.unit == unit)]
            np.testing.assert_allclose(rows.height_A, [7.6, 8.6, 9.6])
            for column in ("difference_mean", "difference_rms", "difference_largest"):
                np.testing.assert_allclose(rows[column], factor * step, rtol=1e-6)
            np.testing.assert_allclose(rows.share_of_contrast, 0, atol=1e-6)
            np.testing.assert_allclose(rows.contrast_dft, rows.contrast_charges)


def test_panels_show_the_configured_tip_at_the_lowest_height(drawn):
    figure, _ = drawn
    one = made_up(2.0)
    panels = [axis for axis in figure.axes if axis.images and axis.collections]
    assert len(panels) == 9
    potential = one.potential.sel(tip_height=6.6, method="nearest")
    np.testing.assert_allclose(panels[0].images[0].get_array(), 1e3 * potential[0])
    np.testing.assert_allclose(panels[1].images[0].get_array(), 1e3 * potential[1])
    np.testing.assert_allclose(panels[2].images[0].get_array(), 20.0)
    np.testing.assert_allclose(panels[5].images[0].get_array(), 4.0)
    image = one.frequency_shift.sel(height=7.6, method="nearest")
    np.testing.assert_allclose(panels[7].images[0].get_array(), image[1])
    assert panels[0].images[0].get_extent() == pytest.approx([0, 2.5, 0, 2.5])


def test_labels_have_units_and_values_of_a_row_share_their_colours(drawn):
    figure, _ = drawn
    labels = {axis.get_ylabel() for axis in figure.axes}
    assert {"potential (mV)", "vertical force (pN)", "frequency shift (Hz)", "y (nm)"} <= labels
    panels = [axis for axis in figure.axes if axis.images and axis.collections]
    for row in range(3):
        assert panels[3 * row].images[0].get_clim() == panels[3 * row + 1].images[0].get_clim()
        low, high = panels[3 * row + 2].images[0].get_clim()
        assert low == -high
    assert [axis.get_title() for axis in panels[:3]] == ["point charges", "DFT", "DFT − point charges"]


def test_figure_and_table_are_written_the_same_twice(tmp_path):
    for name in "ab":
        drawn = draw_comparison({"monopole": made_up(1.0), "dz2": made_up(2.0)}, AFM)
        save_figure(*drawn, tmp_path / f"{name}.png", tmp_path / f"{name}.csv")
    for kind in ("png", "csv"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert list(pd.read_csv(tmp_path / "a.csv").columns[:4]) == ["tip", "height_A", "quantity", "unit"]
