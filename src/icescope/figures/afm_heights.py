"""Contrast of AFM images against the tip's height above each origin, and images of one window at some heights."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from icescope.afm.contrast import FINE, thermal_noise
from icescope.afm.heights import ORIGINS
from icescope.figures.page import PAGE, new_figure, show_image

SENSOR = {"q": 1e5, "temperature": 5.0, "bandwidth": 50.0}  # Tang et al. 2023, AFM experiments; bandwidth: our choice
LAYER = 1.0  # A; windows whose oxygens lie on average this near to the lowest show the layer at the metal
NAMES = {"mean_oxygen": "mean O plane", "top_oxygen": "highest O", "substrate": "metal's plane"}
FINEST, WHOLE = "#0072B2", "0.6"  # colours of the two contrasts


class Band(NamedTuple):
    """A range of heights: name, colour, panels, the origin that it counts from, lower and upper end, A."""

    name: str
    colour: str
    panels: set[str]
    origin: str
    low: float
    high: float


def draw_heights(contrast: xr.Dataset, afm: dict) -> tuple[Figure, pd.DataFrame]:
    """Contrast and fine contrast of some windows against height, one panel an origin; below, images of the first.

    Parameters
    ----------
    contrast
        See `afm.contrast.contrast_by_height`; with `film` of each sample.
    afm
        The configuration's block of that name.

    Returns
    -------
    The figure, and a row for each window and height.
    """
    table = _table(contrast)
    figure = new_figure(PAGE, 5.4)
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.2, 1])
    panels = dict(zip(ORIGINS, top.subplots(1, len(ORIGINS), sharey=True), strict=True))
    noise = thermal_noise(afm["f0"], afm["k0"], afm["amplitude"], **SENSOR)
    for origin, panel in panels.items():
        for _, window in table.groupby(["film", "window"], sort=False):
            height = window[f"height_above_{origin}_A"]
            panel.semilogy(height, window.contrast_Hz, color=WHOLE, linewidth=0.6)
            panel.semilogy(height, window.fine_contrast_Hz, color=FINEST, linewidth=0.6)
        panel.axhline(noise, color="black", linestyle=":", linewidth=1)
        panel.set_xlabel(f"tip above the {NAMES[origin]} (Å)")
    panels["mean_oxygen"].set_ylabel("contrast (Hz)")
    handles = [
        Line2D([], [], color=WHOLE, label="contrast: standard deviation of the image"),
        Line2D([], [], color=FINEST, label=f"fine contrast: its part at wavelengths below {FINE:g} Å"),
        Line2D([], [], color="black", linestyle=":", label=f"thermal noise of the sensor, {1e3 * noise:.1f} mHz"),
    ]
    for band in _bands(afm):
        low, high = (_above_mean_oxygen(height, band.origin, contrast) for height in (band.low, band.high))
        for origin in band.panels:
            shift = _above_mean_oxygen(0.0, origin, contrast)
            handle = panels[origin].axvspan(low - shift, high - shift, color=band.colour, alpha=0.25, linewidth=0)
        first, last = (np.median(contrast.fine_contrast.interp(height=height)) for height in (low, high))
        handle.set_label(f"{band.name}, {band.low:.1f} to {band.high:.1f} Å above the {NAMES[band.origin]}:")
        handles += [handle, Line2D([], [], alpha=0, label=f"fine contrast {first:.1g} to {last:.1g} Hz (median)")]
    top.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=7)

    used, literal, _ = _bands(afm)
    start, end = (_above_mean_oxygen(height, used.origin, contrast) for height in (used.low, used.high))
    heights = [start, (start + end) / 2, end, (end + literal.low) / 2, literal.low, literal.high]
    for axis, height in zip(bottom.subplots(1, len(heights), sharey=True), sorted(heights), strict=True):
        image = contrast.frequency_shift.isel(sample=0).sel(height=height, method="nearest")
        half = float(image.x[1] - image.x[0]) / 2
        edges = [(float(image[axis][end]) + sign * half) / 10 for axis in "xy" for end, sign in ((0, -1), (-1, 1))]
        low, high = show_image(axis, image.values.astype(float), edges)
        axis.set_title(f"{float(image.height):.1f} Å\n{high - low:.2g} Hz", fontsize=7)
        axis.set(xlabel="x (nm)", xticks=[0, 1, 2], yticks=[0, 1, 2])
        axis.label_outer()
    bottom.axes[0].set_ylabel("y (nm)")
    return figure, table


def _table(contrast: xr.Dataset) -> pd.DataFrame:
    """A row for each window and height: film, window, height above each origin (A), both contrasts (Hz)."""
    rows = [
        pd.DataFrame(
            {
                "film": str(one.film.values),
                "window": int(one.window),
                **{f"height_above_{o}_A": one.height + float(one.mean_oxygen - one[o]) for o in ORIGINS},
                "contrast_Hz": one.contrast,
                "fine_contrast_Hz": one.fine_contrast,
            }
        )
        for one in (contrast.isel(sample=sample) for sample in range(contrast.sizes["sample"]))
    ]
    return pd.concat(rows)


def _bands(afm: dict) -> list[Band]:
    """The heights that stacks are simulated at, and the published ones taken literally from oxygen and from metal."""
    first, last = afm["heights"]
    offset = afm["height_offset"]
    origin, oxygen = afm["height_origin"], {"mean_oxygen", "top_oxygen"}
    return [
        Band("as simulated", "#009E73", oxygen | {origin}, origin, first + offset, last + offset),
        Band("as published", "#D55E00", {"mean_oxygen"}, "mean_oxygen", first, last),
        Band("the same numbers", "#E69F00", {"mean_oxygen", "substrate"}, "substrate", first, last),
    ]


def _above_mean_oxygen(height: float, origin: str, contrast: xr.Dataset) -> float:
    """Height above the mean oxygen plane, A, that a height above another origin means in the layer at the metal."""
    layer = contrast.mean_oxygen < contrast.mean_oxygen.min() + LAYER
    return height + float((contrast[origin] - contrast.mean_oxygen)[layer].median())
