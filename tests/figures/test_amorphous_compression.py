"""Figures 4, 5 and 6 of a made-up compression: lines are the table, discs the molecules of the slice."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from nuclei import compression

from icescope.amorphous.compression import MAIN, THRESHOLDS, compression_table, likeliest_fractions
from icescope.amorphous.nulls import BLEND, MOLECULES
from icescope.amorphous.phases import assign
from icescope.figures.amorphous_fig4 import draw_fig4
from icescope.figures.amorphous_fig5 import SLICE, draw_fig5, slice_table
from icescope.figures.amorphous_fig6 import draw_fig6
from icescope.figures.amorphous_phases import COLOURS


@pytest.fixture(scope="module")
def run():
    return compression(frames=21, repeats=(4, 4, 4), seed=1)


@pytest.fixture(scope="module")
def table(run):
    return compression_table(run["two"], run["positions"], run["cells"], run["pressures"])


@pytest.fixture(scope="module")
def by_three(run):
    return likeliest_fractions(run["three"], run["pressures"], ("LDA", "MDA", "HDA"))


@pytest.fixture(scope="module")
def null():
    share = np.linspace(0, 1, 21)
    kinds = {BLEND: np.exp(-(((share - 0.5) / 0.2) ** 2)), MOLECULES: np.full(21, 0.03)}
    return pd.concat(
        [pd.DataFrame({"kind": kind, "share": share, "threshold": MAIN, "IA": ia}) for kind, ia in kinds.items()]
    )


def lines(panel):
    return {line.get_label(): line for line in panel.lines}


def test_fractions_of_two_and_of_three_phases_against_pressure(table, by_three, null):
    panels = draw_fig4(table, by_three, null).axes
    main = table[table.threshold == MAIN]
    for panel, rows, names in ((panels[0], main, ("LDA", "HDA", "IA")), (panels[2], by_three, ("LDA", "MDA", "HDA"))):
        assert list(lines(panel)) == list(names)
        for name, line in lines(panel).items():
            np.testing.assert_allclose(line.get_xydata(), rows[["pressure", name]])
            assert line.get_color() == COLOURS[name]
        assert panel.get_xlabel() == "pressure (GPa)" and panel.get_ylim() == (0, 1)


def test_each_threshold_has_its_colour_and_each_kind_its_dashes(table, by_three, null):
    panel = draw_fig4(table, by_three, null).axes[1]
    drawn = iter(panel.lines)
    for threshold in THRESHOLDS:
        rows = table[table.threshold == threshold]
        kinds = [next(drawn) for _ in range(3)]
        for name, line in zip(("IA", "interfacial", "isolated"), kinds, strict=True):
            np.testing.assert_allclose(line.get_ydata(), rows[name])
        assert len({tuple(line.get_color()) for line in kinds}) == 1
        assert len({line.get_linestyle() for line in kinds}) == 3
    key = [text.get_text() for text in panel.get_legend().get_texts()]
    assert key == [f"{one:.2f}" for one in THRESHOLDS] + ["IA", "interfacial", "isolated"]


def test_nulls_are_drawn_against_the_share_of_hda(table, by_three, null):
    panel = draw_fig4(table, by_three, null).axes[3]
    main = table[table.threshold == MAIN]
    points, blend, molecules = panel.lines
    np.testing.assert_allclose(points.get_xdata(), main.HDA / (main.HDA + main.LDA))
    np.testing.assert_allclose(points.get_ydata(), main.IA)
    np.testing.assert_allclose(blend.get_ydata(), null[null.kind == BLEND].IA)
    np.testing.assert_allclose(molecules.get_xdata(), null[null.kind == MOLECULES].share)
    assert panel.get_xlabel() == "HDA / (LDA + HDA)"


def test_a_frame_of_nothing_but_ia_has_no_point_against_hda(table, by_three, null):
    changed = table.copy()
    changed.loc[changed.frame == 3, ["LDA", "HDA", "IA"]] = [0, 0, 1]
    points = draw_fig4(changed, by_three, null).axes[3].lines[0]
    assert np.isnan(points.get_xdata()[3]) and not np.isnan(points.get_xdata()[4])


@pytest.fixture(scope="module")
def slices(run):
    frames = [5, 8, 9, 12]
    phases = [assign(run["two"][frame], MAIN) for frame in frames]
    args = [run[name][frames] for name in ("positions", "cells")]
    return slice_table(*args, phases, run["pressures"][frames]), args[1], phases


def test_a_slice_is_of_the_middle_of_the_cell_and_as_thick_as_it_says(run, slices):
    table, cells, _ = slices
    for frame, cell in enumerate(cells):
        rows = table[table.frame == frame]
        assert (np.abs(rows.z - cell[2][2] / 2) <= SLICE / 2).all()
        assert rows[["x", "y"]].min().min() >= 0 and (rows[["x", "y"]].max() <= np.diag(cell)[:2]).all()
        expected = run["positions"].shape[1] * SLICE / cell[2][2]  # planes of ice make it uneven
        assert 0.5 * expected < len(rows) < 1.6 * expected


def test_discs_are_the_molecules_in_the_colour_of_their_phase(slices):
    table, cells, _ = slices
    panels = draw_fig5(table, cells).axes
    assert [panel.get_title() for panel in panels] == [f"{one:.2f} GPa" for one in table.pressure.unique()]
    for frame, panel in enumerate(panels):
        (discs,) = panel.collections
        rows = table[table.frame == frame]
        np.testing.assert_allclose(discs.get_offsets(), rows[["x", "y"]])
        assert [tuple(one) for one in discs.get_facecolors()] == [to_rgba(COLOURS[phase]) for phase in rows.phase]
        assert panel.get_xlabel() == "x (Å)" and panel.get_xlim() == (0, pytest.approx(cells[frame][0][0]))


def test_phases_of_a_slice_are_those_of_its_molecules():
    cell = np.diag([20.0, 20.0, 20.0])
    positions = np.array([[1.0, 2, 10], [3, 4, 11.4], [5, 6, 12], [7, 8, -11.0], [19, 1, 30.5]])
    table = slice_table([positions], [cell], [np.array([0, 1, 1, -1, -1])], [0.3])
    assert table.phase.tolist() == ["LDA", "HDA", "IA", "IA"]
    np.testing.assert_allclose(table[["x", "y", "z"]].iloc[[2, 3]], [[7, 8, 9], [19, 1, 10.5]])


def test_an_odd_number_of_slices_leaves_the_last_panel_empty(slices):
    table, cells, _ = slices
    panels = draw_fig5(table[table.frame < 3], cells[:3]).axes
    assert [panel.axison for panel in panels] == [True, True, True, False]


def test_clusters_and_density_against_pressure(table):
    sizes, numbers, densities = draw_fig6(table).axes
    main = table[table.threshold == MAIN]
    assert sizes.get_yscale() == "log" and numbers.get_yscale() == "linear"
    for name in ("HDA", "IA"):
        drawn = lines(sizes)[name].get_ydata()
        some = (main[f"largest_{name}"] > 0).to_numpy()
        np.testing.assert_allclose(drawn[some], main[f"largest_{name}"][some])
        assert np.isnan(drawn[~some]).all()
        np.testing.assert_allclose(lines(numbers)[name].get_ydata(), main[f"{name}_clusters"])
    np.testing.assert_allclose(densities.lines[0].get_xydata(), main[["pressure", "density"]])
    assert densities.get_ylabel() == "density (g/cm³)" and sizes.get_xlabel() == "pressure (GPa)"
