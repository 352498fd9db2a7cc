"""Figure 3 of Tang et al. 2023: examples of predictions on ionic hydrates, with the accuracy by species."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure
from icescope.figures.prediction_row import PANELS, draw_accuracy, draw_key, draw_row, found_species, head_maps
from icescope.structures.samples import atoms_of

SHOWN = 18.0  # A, side of the part of a window around the ion that is shown
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
ROWS = {"simple": 2, "complex": 1, "K⁺": 1}  # examples of each set, of different numbers of waters


def draw_fig3(sets: dict[str, tuple[xr.Dataset, xr.Dataset, pd.DataFrame]], labels: dict) -> Figure:
    """Hydrates of each set: images at three heights, label, prediction; accuracies below.

    Of the numbers of waters in a set the smallest are shown, each by its hydrate of median loss.

    Parameters
    ----------
    sets
        By the names in ROWS: stacks, predictions, and the table of accuracy by species.
    labels
        The configuration's block of that name.
    """
    rows = [
        (stacks, predictions, sample)
        for name, (stacks, predictions, _) in sets.items()
        for sample in _examples(stacks, predictions)[: ROWS[name]]
    ]
    figure = new_figure(PAGE, 1.6 * len(rows) + 1.5)
    grid = figure.add_gridspec(len(rows) + 1, PANELS, height_ratios=[1] * len(rows) + [0.9])
    for row, (stacks, predictions, sample) in enumerate(rows):
        axes = [figure.add_subplot(grid[row, column]) for column in range(PANELS)]
        draw_row(axes, stacks, predictions, sample, labels, _name(stacks, sample))
        size = np.array(stacks.attrs["window_size"][:2])
        shown = np.minimum(SHOWN, size)
        corner = np.clip(atoms_of(stacks, sample).positions[0, :2] - shown / 2, 0, size - shown) / 10
        for axis in axes:
            axis.set(xlim=(corner[0], corner[0] + shown[0] / 10), ylim=(corner[1], corner[1] + shown[1] / 10))
            axis.locator_params(nbins=3)
            if row == len(rows) - 1:
                axis.set_xlabel("x (nm)")
        if row == 0:
            head_maps(axes)
    tables = {name: table for name, (_, _, table) in sets.items()}
    bars = figure.add_subplot(grid[-1, :4])
    draw_accuracy(bars, tables, [one for one in found_species(tables) if " " not in one])
    bars.legend(loc="upper left", bbox_to_anchor=(0, 1.3), ncols=5, fontsize=7)
    draw_key(figure.add_subplot(grid[-1, 4]), ["O", "H", "Na", "K"])
    return figure


def _examples(stacks: xr.Dataset, predictions: xr.Dataset) -> list[int]:
    """The sample of median loss of each number of waters, the smallest number first."""
    waters, loss = stacks.atom_count.values // 3, predictions.loss.values
    chosen = []
    for number in np.unique(waters):
        part = np.flatnonzero(waters == number)
        ranked = part[np.argsort(loss[part], kind="stable")]
        chosen.append(int(ranked[len(ranked) // 2]))
    return chosen


def _name(stacks: xr.Dataset, sample: int) -> str:
    """Formula, such as Na⁺·4H₂O; the ion is the first atom."""
    atoms = atoms_of(stacks, sample)
    return f"{atoms.symbols[0]}⁺·{len(atoms) // 3}H2O".replace("H2O", "H2O".translate(SUBSCRIPT))
