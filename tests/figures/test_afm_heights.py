"""Contrast against height: every window is a line in each panel, at the heights above that panel's origin."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from icescope.figures.afm_heights import draw_heights
from icescope.figures.page import save_figure

AFM = {
    "heights": [11.4, 13.4],
    "height_origin": "mean_oxygen",
    "height_offset": -3.8,
    "amplitude": 1.0,
    "f0": 28700.0,
    "k0": 1800.0,
}
ABOVE_METAL = [3.0, 3.2, 7.0]  # A, mean oxygens of the windows; the last is not of the layer at the metal
TOP = [4.0, 4.6, 8.8]


@pytest.fixture
def contrast():
    """Made up: fine contrast 100 x 10^-height Hz, contrast ten times as much."""
    height = np.round(np.arange(7, 14.05, 0.1), 1)
    fine = np.tile(10.0 ** (2 - height), (3, 1))
    images = np.random.default_rng(0).normal(size=(3, len(height), 16, 16))
    hertz, angstrom = {"units": "Hz"}, {"units": "A"}
    return xr.Dataset(
        {
            "frequency_shift": (("sample", "height", "y", "x"), images, hertz),
            "contrast": (("sample", "height"), 10 * fine, hertz),
            "fine_contrast": (("sample", "height"), fine, hertz),
            "mean_oxygen": ("sample", ABOVE_METAL, angstrom),
            "top_oxygen": ("sample", TOP, angstrom),
            "substrate": ("sample", [0.0, 0.0, 0.0], angstrom),
        },
        {
            "height": height,
            "x": np.arange(16) + 0.5,
            "y": np.arange(16) + 0.5,
            "film": ("sample", ["a", "a", "b"]),
            "window": ("sample", [0, 1, 0]),
        },
    )


def test_each_window_is_a_line_at_its_heights_above_the_panels_origin(contrast):
    figure, table = draw_heights(contrast, AFM)
    shifts = {"mean_oxygen": [0, 0, 0], "top_oxygen": np.subtract(ABOVE_METAL, TOP), "substrate": ABOVE_METAL}
    for panel, (origin, shift) in zip(figure.axes, shifts.items(), strict=False):
        lines = panel.lines[:-1]
        assert panel.lines[-1].get_ydata()[0] == pytest.approx(4.185e-3, rel=1e-3)  # thermal noise
        for window in range(3):
            whole, fine = lines[2 * window : 2 * window + 2]
            np.testing.assert_allclose(fine.get_xdata(), contrast.height + shift[window])
            np.testing.assert_allclose(fine.get_ydata(), contrast.fine_contrast[window])
            np.testing.assert_allclose(whole.get_ydata(), contrast.contrast[window])
        assert panel.get_yscale() == "log" and panel.get_xlabel().endswith("(Å)")
        assert f"height_above_{origin}_A" in table
    assert figure.axes[0].get_ylabel() == "contrast (Hz)"


def spans(panel):
    return sorted(tuple(np.round([patch.get_x(), patch.get_x() + patch.get_width()], 3)) for patch in panel.patches)


def test_shaded_are_the_simulated_and_the_published_heights(contrast):
    """In the first layer the mean oxygens lie 3.1 A above the metal and 1.2 A below the highest."""
    mean, top, metal = draw_heights(contrast, AFM)[0].axes[:3]
    assert spans(mean) == [(7.6, 9.6), (8.3, 10.3), (11.4, 13.4)]
    assert spans(top) == [(6.4, 8.4)]
    assert spans(metal) == [(11.4, 13.4)]
    counted = draw_heights(contrast, AFM | {"height_origin": "substrate", "height_offset": 0.0})[0].axes[:3]
    assert [spans(panel).count((11.4, 13.4)) for panel in counted] == [1, 0, 2]


def test_legend_gives_the_fine_contrast_at_both_ends(contrast):
    figure, _ = draw_heights(contrast, AFM)
    texts = [text.get_text() for sub in figure.subfigs for legend in sub.legends for text in legend.get_texts()]
    at = texts.index("as simulated, 7.6 to 9.6 Å above the mean O plane:")
    assert texts[at + 1].startswith("fine contrast 3e-06 to 3e-08 Hz")


def test_images_are_of_the_first_window_with_height_and_range(contrast):
    figure, _ = draw_heights(contrast, AFM)
    shown = [7.6, 8.6, 9.6, 10.5, 11.4, 13.4]
    for axis, height in zip(figure.axes[3:], shown, strict=True):
        image = contrast.frequency_shift[0].sel(height=height, method="nearest")
        np.testing.assert_array_equal(axis.images[0].get_array(), image)
        assert axis.get_title().startswith(f"{height} Å\n") and axis.get_title().endswith(" Hz")
        assert axis.images[0].get_extent() == pytest.approx([0, 1.6, 0, 1.6])


def test_table_is_written_with_a_row_for_each_window_and_height(contrast, tmp_path):
    for name in "ab":
        save_figure(*draw_heights(contrast, AFM), tmp_path / f"{name}.png", tmp_path / f"{name}.csv")
    for kind in ("png", "csv"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    table = pd.read_csv(tmp_path / "a.csv")
    assert len(table) == 3 * contrast.sizes["height"] and set(table.film) == {"a", "b"}
    last = table.iloc[-1]
    assert last.height_above_mean_oxygen_A == 14 and last.height_above_substrate_A == 21
    assert last.height_above_top_oxygen_A == pytest.approx(12.2)
