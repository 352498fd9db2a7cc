"""Figure 2 of Tang et al. 2023: examples of predictions on interfacial water, with the accuracy by species."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure
from icescope.figures.prediction_row import PANELS, draw_accuracy, draw_key, draw_row, found_species, head_maps

LAYERS = "dense layer", "dilute layer"


def draw_fig2(surfaces: dict[str, tuple[xr.Dataset, xr.Dataset, pd.DataFrame]], labels: dict) -> Figure:
    """A dense and a dilute window on each surface: images at three heights, label, prediction; accuracies below.

    The windows shown are those of median loss in the densest and in the most dilute quarter of each set, so that they
    stand for the set and are not the best of it.

    Parameters
    ----------
    surfaces
        By name: stacks, predictions, and the table of accuracy by species.
    labels
        The configuration's block of that name.
    """
    rows = [
        (name, layer, sample, stacks, predictions)
        for name, (stacks, predictions, _) in surfaces.items()
        for layer, sample in zip(LAYERS, _examples(stacks, predictions), strict=True)
    ]
    figure = new_figure(PAGE, 1.6 * len(rows) + 1.5)
    grid = figure.add_gridspec(len(rows) + 1, PANELS, height_ratios=[1] * len(rows) + [0.9])
    for row, (name, layer, sample, stacks, predictions) in enumerate(rows):
        axes = [figure.add_subplot(grid[row, column]) for column in range(PANELS)]
        draw_row(axes, stacks, predictions, sample, labels, f"{layer}, {name}")
        if row == 0:
            head_maps(axes)
        for axis in axes:
            axis.set(xticks=[0, 1, 2], yticks=[0, 1, 2])
            axis.tick_params(labelbottom=row == len(rows) - 1)
            if row == len(rows) - 1:
                axis.set_xlabel("x (nm)")
        axes[0].text(-0.6, 1.02, "abcdefgh"[row], transform=axes[0].transAxes, weight="bold", fontsize=10)
    tables = {name: table for name, (_, _, table) in surfaces.items()}
    bars = figure.add_subplot(grid[-1, :4])
    draw_accuracy(bars, tables, found_species(tables))
    bars.legend(loc="upper left", bbox_to_anchor=(0, 1.3), ncols=4, fontsize=7)
    draw_key(figure.add_subplot(grid[-1, 4]), "OH")
    return figure


def _examples(stacks: xr.Dataset, predictions: xr.Dataset) -> tuple[int, int]:
    """Samples of median loss among the densest and among the most dilute quarter."""
    by_size = np.argsort(stacks.atom_count.values, kind="stable")
    quarter = max(1, len(by_size) // 4)
    chosen = []
    for part in (by_size[-quarter:], by_size[:quarter]):
        ranked = part[np.argsort(predictions.loss.values[part], kind="stable")]
        chosen.append(int(ranked[len(ranked) // 2]))
    return chosen[0], chosen[1]
