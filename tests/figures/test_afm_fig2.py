"""Figure 2: the windows it shows are ordinary ones, what it draws is what it was given, axes carry their units."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from icescope.figures.afm_fig2 import _examples, draw_fig2
from icescope.figures.page import save_figure
from icescope.maps.avdw import render_stacks

PIXELS = 24
MOLECULES = [9, 3, 15, 5, 12, 4, 16, 8, 14, 6, 10, 7]  # densest quarter: samples 2, 6, 8; most dilute: 1, 3, 5
LOSS = [0, 0.2, 0.9, 0.3, 0, 0.1, 0.5, 0, 0.7, 0, 0, 0]  # medians of the two quarters: samples 8 and 1
ACCURACY = pd.DataFrame(
    {"accuracy": [0.9, 0.6], "best": [1.0, 0.8], "worst": [0.7, 0.3], "chance": [0.2, 0.1]},
    index=pd.Index(["O", "H"], name="species"),
)


@pytest.fixture
def stacks(windows_of):
    images = np.random.default_rng(0).normal(size=(len(MOLECULES), 5, PIXELS, PIXELS)).astype(np.float16)
    return windows_of(MOLECULES).assign(
        frequency_shift=(("sample", "height", "y", "x"), images),
        x=np.arange(PIXELS) / 2,
        height=[4.0, 4.2, 4.4, 4.6, 4.8],
    )


@pytest.fixture
def predictions():
    maps = np.random.default_rng(1).uniform(size=(len(MOLECULES), 3, PIXELS, PIXELS)).astype(np.float16)
    found = {"predicted_map": (("sample", "channel", "y", "x"), maps), "loss": ("sample", np.float32(LOSS))}
    return xr.Dataset(found, attrs={"output": "avdw"})


def of(stacks, predictions, accuracy=ACCURACY):
    return {"Au(111)": (stacks, predictions, accuracy), "Pt(111)": (stacks, predictions, accuracy / 2)}


@pytest.fixture
def figure(stacks, predictions, labels):
    return draw_fig2(of(stacks, predictions), labels)


def test_examples_are_of_median_loss_in_the_densest_and_the_most_dilute_quarter(stacks, predictions):
    assert _examples(stacks, predictions) == (8, 1)
    lower = predictions.assign(loss=("sample", [*LOSS[:8], 0.4, *LOSS[9:]]))  # sample 8 is now the best of its quarter
    assert _examples(stacks, lower) == (6, 1)


def test_a_set_of_one_window_shows_it_twice(stacks, predictions):
    one = dict(sample=slice(0, 1))
    assert _examples(stacks.isel(one), predictions.isel(one)) == (0, 0)


def test_panels_show_the_images_label_and_prediction_of_the_examples(figure, stacks, predictions, labels):
    shown = [axis.images[0] for axis in figure.axes if axis.images]
    assert all(image.origin == "lower" for image in shown)
    assert all(image.get_extent() == [0, 1.2, 0, 1.2] for image in shown)
    label = render_stacks(stacks, labels).movedim(1, -1).numpy()
    assert len(shown) == 20  # a dense and a dilute layer on two surfaces
    for row, sample in zip((shown[:5], shown[5:10], shown[10:15], shown[15:]), (8, 1, 8, 1), strict=True):
        for image, height in zip(row[:3], (0, 2, 4), strict=True):
            np.testing.assert_array_equal(image.get_array(), stacks.frequency_shift[sample, height])
        np.testing.assert_allclose(row[3].get_array(), label[sample])
        np.testing.assert_allclose(row[4].get_array(), np.moveaxis(predictions.predicted_map.values[sample], 0, -1))


def test_axes_and_images_carry_units(figure):
    panels, bars = figure.axes[:20], figure.axes[20]
    assert [axis.get_title().split(",")[0] for axis in panels[:3]] == ["0.40 nm", "0.44 nm", "0.48 nm"]
    assert all(axis.get_title().endswith("Hz") for axis in (*panels[:3], *panels[5:8]))
    assert (
        panels[0].get_ylabel() == "dense layer, Au(111)\ny (nm)" and panels[15].get_ylabel()[:16] == "dilute layer, Pt"
    )
    assert all(axis.get_xlabel() == "x (nm)" for axis in panels[15:])
    assert bars.get_ylabel() == "accuracy (%)"


def test_bars_are_the_accuracies(figure):
    bars = figure.axes[20]
    np.testing.assert_allclose([bar.get_height() for bar in bars.patches], [90, 60, 45, 30])
    assert [text.get_text() for text in bars.get_xticklabels()] == ["O", "H"]
    spread, chance, *_ = (lines.get_segments() for lines in bars.collections)
    np.testing.assert_allclose([line[:, 1] for line in spread], [[70, 100], [30, 80]])
    np.testing.assert_allclose([line[0, 1] for line in chance], [20, 10])
    # Bars of one species stand side by side.
    left = np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in bars.patches])
    assert (left[:2, 1] < left[2:, 0]).all() and left[2, 1] < left[1, 0]


def test_a_species_without_atoms_is_not_shown(stacks, predictions, labels, tmp_path):
    accuracy = ACCURACY.copy()
    accuracy.loc["Na"] = np.nan
    figure = draw_fig2(of(stacks, predictions, accuracy), labels)
    save_figure(figure, accuracy, tmp_path / "fig2.png", tmp_path / "fig2.csv")
    assert [text.get_text() for text in figure.axes[20].get_xticklabels()] == ["O", "H"]


def test_same_data_gives_the_same_bytes_and_the_csv_gives_the_numbers(stacks, predictions, labels, tmp_path):
    for name in "ab":
        figure = draw_fig2(of(stacks, predictions), labels)
        save_figure(figure, ACCURACY, tmp_path / f"{name}.png", tmp_path / f"{name}.csv")
    for kind in ("png", "csv"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv", index_col="species"), ACCURACY)
