"""The films' figure: every film's profile in the panel of its coverage, a window of each training film below."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_windows import MAP_PIXELS, draw_windows
from icescope.figures.page import save_figure
from icescope.maps.avdw import render_stacks

FILMS = {
    "Au_c10_T240": {"temperature": 240.0, "coverage": 10.0},
    "Au_c10_T200": {"temperature": 200.0, "coverage": 10.0},
    "Au_c20_T240": {"temperature": 240.0, "coverage": 20.0},
}


def profile(seed):
    """Water from 2 to 8 A above the metal, in a cell 20 A high."""
    z = np.arange(0.05, 20, 0.1)
    density = np.where((z > 2) & (z < 8), np.random.default_rng(seed).uniform(0.5, 1.5, len(z)), 0)
    return pd.DataFrame({"z_A": z, "oxygen_density_per_A3": density / 29.9, "mass_density_g_per_cm3": density})


@pytest.fixture
def profiles():
    return {name: profile(seed) for seed, name in enumerate(FILMS)}


@pytest.fixture
def windows(windows_of):
    return [windows_of([12, 9]), windows_of([14, 7], seed=5)]


def test_each_film_is_a_line_in_the_panel_of_its_coverage(profiles, windows, labels):
    figure, _ = draw_windows(profiles, FILMS, windows, labels)
    thin, thick = figure.axes[:2]
    for panel, names in ((thin, ["Au_c10_T200", "Au_c10_T240"]), (thick, ["Au_c20_T240"])):
        assert len(panel.lines) == len(names)
        for line, name in zip(panel.lines, names, strict=True):
            np.testing.assert_allclose(line.get_xdata(), profiles[name].z_A / 10)
            np.testing.assert_array_equal(line.get_ydata(), profiles[name].mass_density_g_per_cm3)
            assert line.get_label() == f"{FILMS[name]['temperature']:g} K"
    assert thin.lines[1].get_color().tolist() == thick.lines[0].get_color().tolist()  # one colour a temperature
    assert 0.8 < thin.get_xlim()[1] == thick.get_xlim()[1] < 1.0  # all of the water, little of the void


def test_axes_carry_units(profiles, windows, labels):
    figure, _ = draw_windows(profiles, FILMS, windows, labels)
    *panels, left, right = figure.axes
    assert [panel.get_title() for panel in panels] == ["10 molecules/nm²", "20 molecules/nm²"]
    assert all(panel.get_xlabel() == "height above the metal (nm)" for panel in panels)
    assert panels[0].get_ylabel() == "water density (g/cm³)"
    assert left.get_ylabel() == "y (nm)" and left.get_xlabel() == right.get_xlabel() == "x (nm)"
    assert left.get_title() == "Au_c10_T200\nz 0.31 to 0.61 nm"


def test_maps_are_the_first_window_of_each_film(profiles, windows, labels):
    figure, _ = draw_windows(profiles, FILMS, windows, labels)
    for axis, store in zip(figure.axes[2:], windows, strict=True):
        expected = render_stacks(store.assign_coords(x=np.arange(MAP_PIXELS)), labels)[0].permute(1, 2, 0)
        np.testing.assert_allclose(axis.images[0].get_array(), expected)
        assert axis.images[0].get_extent() == [0, 1.2, 0, 1.2] and axis.images[0].origin == "lower"


def test_fewer_windows_than_coverages_leave_places_empty(profiles, windows, labels):
    figure, _ = draw_windows(profiles, FILMS, windows[:1], labels)
    assert [bool(axis.images) for axis in figure.axes[2:]] == [True, False]
    assert not figure.axes[3].axison


def test_same_data_gives_the_same_bytes_and_the_csv_gives_the_numbers(profiles, windows, labels, tmp_path):
    for name in "ab":
        save_figure(*draw_windows(profiles, FILMS, windows, labels), tmp_path / f"{name}.png", tmp_path / f"{name}.csv")
    for kind in ("png", "csv"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    table = pd.read_csv(tmp_path / "a.csv")
    assert set(table.film) == set(FILMS)
    for name, one in table.groupby("film"):
        pd.testing.assert_frame_equal(one.drop(columns="film").reset_index(drop=True), profiles[name], rtol=1e-5)
