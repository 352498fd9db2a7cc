"""A row of panels for one sample: images at three heights, the true map and the predicted one; and bars of accuracy."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from icescope.figures.page import show_image
from icescope.maps.avdw import KINDS, render_stacks
from icescope.maps.outputs import OUTPUTS
from icescope.structures.samples import take_samples

PANELS = 5
GREYS = ("0.75", "0.5", "0.3")


def draw_row(
    axes: Sequence[Axes], stacks: xr.Dataset, predictions: xr.Dataset, sample: int, labels: dict, name: str
) -> None:
    """Lowest, middle and highest image, label and prediction of a sample on five axes, nm.

    Greys of an image run from its 1st to its 99th percentile. `name` stands at the left.
    """
    width, height = stacks.attrs["window_size"][:2]
    extent = np.array([0, width, 0, height]) / 10
    for axis, index in zip(axes, (0, stacks.sizes["height"] // 2, stacks.sizes["height"] - 1), strict=False):
        low, high = show_image(axis, stacks.frequency_shift[sample, index].values.astype(float), extent)
        axis.set_title(f"{float(stacks.height[index]) / 10:.2f} nm, {low:.1f} to {high:.1f} Hz", fontsize=7)
    label = render_stacks(take_samples(stacks, sample, sample + 1), labels)[0]
    axes[3].imshow(label.permute(1, 2, 0).numpy(), extent=extent)
    found = torch.from_numpy(predictions.predicted_map.values[[sample]].astype(np.float32))
    picture = OUTPUTS[predictions.attrs["output"]].picture(found, labels)[0]
    axes[4].imshow(picture.permute(1, 2, 0).numpy(), extent=extent)
    for axis in axes[1:]:
        axis.tick_params(labelleft=False)
    axes[0].set_ylabel(f"{name}\ny (nm)")


def head_maps(axes: Sequence[Axes]) -> None:
    """Titles of the maps of the first row."""
    for axis, title in zip(axes[3:], ("label", "prediction"), strict=True):
        axis.set_title(title, fontsize=7)


def draw_accuracy(axis: Axes, tables: dict[str, pd.DataFrame], species: Sequence[str]) -> None:
    """Bars of the pooled accuracy, lines from the worst to the best 20 % by loss, a mark at chance.

    One bar of a group for each table of `learning.evaluation.evaluate`, by its name; a group for each species.
    """
    width = 0.8 / len(tables)
    for number, (name, table) in enumerate(tables.items()):
        at = np.arange(len(species)) + (number - (len(tables) - 1) / 2) * width
        percent = 100 * table.reindex(species)[["accuracy", "best", "worst", "chance"]]
        last = number == len(tables) - 1
        axis.bar(at, percent.accuracy, width=0.9 * width, color=GREYS[number], label=name)
        axis.vlines(at, percent.worst, percent.best, color="black", linewidth=1, label="best, worst 20 %" * last)
        begin, end = at - 0.45 * width, at + 0.45 * width
        axis.hlines(percent.chance, begin, end, color="black", linestyle=":", label="chance" * last)
    axis.set_xticks(np.arange(len(species)), species)
    axis.set(ylabel="accuracy (%)", ylim=(0, 100))


def found_species(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Species that have an accuracy in one of the tables: those that some sample has."""
    accuracy = pd.DataFrame({name: table.accuracy for name, table in tables.items()})
    first = next(iter(tables.values())).index
    return [one for one in first if accuracy.loc[one].notna().any()]


def draw_key(axis: Axes, symbols: Sequence[str]) -> None:
    """The colours of the a-vdW map of some elements."""
    handles = [
        Line2D([], [], marker="o", linestyle="", color=kind.colour, label=f"{kind.symbol} {kind.pose}".strip())
        for kind in KINDS
        if kind.symbol in symbols
    ]
    axis.axis("off")
    axis.legend(handles=handles, loc="center left", title="a-vdW map")
