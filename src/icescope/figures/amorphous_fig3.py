"""Figure 3 of Shupletsova and Stegailov 2026: the phases in the plane of the first two principal components."""

import numpy as np
from matplotlib.figure import Figure

from icescope.amorphous.pca import Components
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import COLUMN, new_figure

SHOWN = 3000  # molecules of each phase, at most
ABOVE = 10  # order of drawing: over the dots


def draw_fig3(results: dict[str, Components], seed: int) -> Figure:
    """A panel a set of descriptors, one below the other: dots are molecules, crosses the centroids of the phases.

    Parameters
    ----------
    results
        By set, see `amorphous.pca.principal_components`.
    seed
        Of the molecules that are drawn, and of their order.
    """
    rng = np.random.default_rng(seed)
    figure = new_figure(COLUMN, 2.7 * len(results) + 0.3)
    panels = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for letter, panel, (name, components) in zip("abcdefgh", panels, results.items(), strict=False):
        scores, phase, phases = components.scores, components.phase, components.phases
        of_each = [rng.permutation(np.flatnonzero(phase == number))[:SHOWN] for number in range(len(phases))]
        drawn = rng.permutation(np.concatenate(of_each))  # in any order, so that no phase hides another
        colours = np.array([COLOURS[one] for one in phases])[phase[drawn]]
        panel.scatter(*scores[drawn].T, c=colours, s=1.5, alpha=0.5, linewidths=0, rasterized=True)
        for number, one in enumerate(phases):
            centre = scores[phase == number].mean(0)
            style = {"color": COLOURS[one], "markeredgecolor": "black", "markersize": 9, "linestyle": ""}
            panel.plot(*centre[:, None], "X", label=one, zorder=ABOVE, **style)
        shares = 100 * components.projection[-1].explained_variance_ratio_
        labels = [f"PC{number + 1} ({shares[number]:.1f} % of the variance)" for number in range(2)]
        panel.set(xlabel=labels[0], ylabel=labels[1], title=f"descriptors ({name})")
        panel.text(-0.15, 1.04, letter, transform=panel.transAxes, weight="bold", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
