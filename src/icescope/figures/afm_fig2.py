"""Figure 2 of Tang et al. 2023: examples of predictions on interfacial water, with the accuracy by species."""

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from icescope.figures.page import PAGE, new_figure, show_image
from icescope.maps.avdw import KINDS, render_stacks
from icescope.maps.outputs import OUTPUTS
from icescope.structures.samples import take_samples

EXAMPLES = ("a", "dense layer"), ("b", "dilute layer")


def draw_fig2(stacks: xr.Dataset, predictions: xr.Dataset, accuracy: pd.DataFrame, labels: dict) -> Figure:
    """A dense and a dilute validation window: images at three heights, label, prediction; accuracies below.

    The windows shown are those of median loss in the densest and in the most dilute quarter of the set, so that they
    stand for the set and are not the best of it. Greys of an image run from its 1st to its 99th percentile.
    """
    figure = new_figure(PAGE, 4.6)
    grid = figure.add_gridspec(3, 5, height_ratios=[1, 1, 0.8])
    heights = [0, stacks.sizes["height"] // 2, stacks.sizes["height"] - 1]
    for row, (sample, (letter, name)) in enumerate(zip(_examples(stacks, predictions), EXAMPLES, strict=True)):
        axes = [figure.add_subplot(grid[row, column]) for column in range(5)]
        extent = np.array([0, stacks.attrs["window_size"][0], 0, stacks.attrs["window_size"][1]]) / 10
        for axis, height in zip(axes, heights, strict=False):
            image = stacks.frequency_shift[sample, height].values.astype(float)
            low, high = show_image(axis, image, extent)
            axis.set_title(f"{float(stacks.height[height]) / 10:.2f} nm, {low:.1f} to {high:.1f} Hz", fontsize=7)
        label = render_stacks(take_samples(stacks, sample, sample + 1), labels)[0]
        axes[3].imshow(label.permute(1, 2, 0).numpy(), extent=extent)
        found = torch.from_numpy(predictions.predicted_map.values[[sample]].astype(np.float32))
        picture = OUTPUTS[predictions.attrs["output"]].picture(found, labels)[0]
        axes[4].imshow(picture.permute(1, 2, 0).numpy(), extent=extent)
        if row == 0:
            axes[3].set_title("label", fontsize=7)
            axes[4].set_title("prediction", fontsize=7)
        for axis in axes:
            axis.set(xticks=[0, 1, 2], yticks=[0, 1, 2])
            axis.label_outer()
            axis.tick_params(labelbottom=row == 1)
        axes[0].set_ylabel(f"{name}\ny (nm)")
        axes[0].text(-0.55, 1.02, letter, transform=axes[0].transAxes, weight="bold", fontsize=10)
        if row == 1:
            for axis in axes:
                axis.set_xlabel("x (nm)")
    _draw_accuracy(figure.add_subplot(grid[2, :4]), accuracy)
    shown = [kind for kind in KINDS if kind.symbol in labels["disc_radius"]]
    handles = [
        Line2D([], [], marker="o", linestyle="", color=kind.colour, label=f"{kind.symbol} {kind.pose}".strip())
        for kind in shown
    ]
    legend = figure.add_subplot(grid[2, 4])
    legend.axis("off")
    legend.legend(handles=handles, loc="center left", title="a-vdW map")
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


def _draw_accuracy(axis: Axes, accuracy: pd.DataFrame) -> None:
    """Bars of the pooled accuracy, lines from the worst to the best 20 % by loss, a mark at chance."""
    at = np.arange(len(accuracy))
    percent = 100 * accuracy[["accuracy", "best", "worst", "chance"]]
    axis.bar(at, percent.accuracy, width=0.6, color="0.75")
    axis.vlines(at, percent.worst, percent.best, color="black", linewidth=1, label="best and worst 20 % by loss")
    axis.hlines(percent.chance, at - 0.3, at + 0.3, color="black", linestyle=":", label="chance")
    axis.set_xticks(at, accuracy.index)
    axis.set(ylabel="accuracy (%)", ylim=(0, 100))
    axis.legend(loc="upper right", fontsize=7)
    axis.text(-0.085, 1.02, "c", transform=axis.transAxes, weight="bold", fontsize=10)
