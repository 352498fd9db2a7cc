"""Principal components: a panel a set, dots drawn by seed, centroids of all molecules."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from icescope.amorphous.pca import pca_metrics, principal_components
from icescope.figures import amorphous_fig3
from icescope.figures.amorphous_fig3 import draw_fig3
from icescope.figures.amorphous_phases import COLOURS

PHASES = ("LDA", "MDA", "HDA")


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(1)
    phase = np.repeat([0, 1, 2], 400)
    made = {}
    for name, features in (("O", 30), ("O,H", 50)):
        axes = rng.normal(size=(3, features))
        hidden = rng.normal(size=(1200, 3)) * [2, 1, 1] + (phase - 1)[:, None] * [2.5, 0.5, 0]
        made[name] = principal_components(hidden @ axes + rng.normal(size=(1200, features)), phase, PHASES)
    return made


def test_crosses_are_the_centroids_of_all_molecules(results):
    figure = draw_fig3(results, seed=2)
    assert [panel.get_title() for panel in figure.axes] == ["descriptors (O)", "descriptors (O,H)"]
    for panel, components in zip(figure.axes, results.values(), strict=True):
        metrics = pca_metrics(components)
        for line, phase in zip(panel.lines, PHASES, strict=True):
            expected = [metrics[f"{phase} centroid, PC{number}"] for number in (1, 2)]
            np.testing.assert_allclose(line.get_xydata()[0], expected)
            assert line.get_color() == COLOURS[phase] and line.get_label() == phase
        assert panel.get_xlabel() == f"PC1 ({100 * metrics['PC1 variance']:.1f} % of the variance)"


def test_dots_are_molecules_in_their_phase_s_colour_as_many_of_each(results, monkeypatch):
    monkeypatch.setattr(amorphous_fig3, "SHOWN", 50)
    (dots,) = draw_fig3(results, seed=2).axes[0].collections
    components = results["O"]
    assert dots.get_rasterized() and len(dots.get_offsets()) == 150
    where = {tuple(score): phase for score, phase in zip(components.scores, components.phase, strict=True)}
    drawn = [where[tuple(place)] for place in dots.get_offsets()]
    assert np.bincount(drawn).tolist() == [50, 50, 50]
    assert [tuple(one) for one in dots.get_facecolors()[:, :3]] == [to_rgba(COLOURS[PHASES[p]])[:3] for p in drawn]
    again, other = (draw_fig3(results, seed).axes[0].collections[0].get_offsets() for seed in (2, 3))
    assert (dots.get_offsets() == again).all() and (dots.get_offsets() != other).any()
