"""Overview of one simulated stack: images from the closest to the farthest, and the contrast of all of them."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure, show_image

SHOWN = 5


def draw_stack(stack: xr.Dataset, name: str) -> Figure:
    """Up to five images, evenly spread over the heights, with their heights and ranges, and contrast against height.

    Parameters
    ----------
    stack
        From `afm.structure_stack.simulate_structure`.
    name
        Of the structure.
    """
    figure = new_figure(PAGE, 5.0)
    figure.suptitle(f"{name}: {stack.attrs['model']}", fontsize=7, parse_math=False)
    *axes, last = figure.subplots(2, 3).flat
    edges = []
    for axis in "xy":
        values = stack[axis].values
        half = (values[1] - values[0]) / 2
        edges += [(values[0] - half) / 10, (values[-1] + half) / 10]
    images = stack.frequency_shift.values.astype(float)
    shown = np.unique(np.linspace(0, len(images) - 1, SHOWN).round().astype(int))
    for axis, number in zip(axes, shown, strict=False):
        low, high = show_image(axis, images[number], edges)
        axis.set_title(f"{number}.png: {float(stack.height[number]):.2f} Å, {low:.2f} to {high:.2f} Hz", fontsize=7)
        axis.set(xlabel="x (nm)", ylabel="y (nm)")
    for axis in axes[len(shown) :]:
        axis.axis("off")
    last.semilogy(stack.height, images.std((1, 2)), color="black", marker=".")
    last.set(xlabel=f"height above {stack.attrs['height_origin']} (Å)", ylabel="standard deviation of the image (Hz)")
    return figure
