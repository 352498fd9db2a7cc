"""One hydrate from point charges and from DFT: potential, force and image at the lowest tip, and the differences."""

import numpy as np
import pandas as pd
import xarray as xr
from ase.data import chemical_symbols
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure

PICONEWTON = 1602.176634  # of one eV/A
QUANTITIES = {"potential": ("potential", "mV"), "force": ("vertical force", "pN"), "image": ("frequency shift", "Hz")}
COLOURS = {"O": "#D55E00", "H": "white", "Na": "#0072B2", "K": "#0072B2"}
AREA = {"O": 18, "H": 6, "Na": 26, "K": 26}  # of an atom's marker, points^2
SHARE = 99.5  # percentile at which the colours end


def draw_comparison(compared: dict[str, xr.Dataset], afm: dict) -> tuple[Figure, pd.DataFrame]:
    """A row of panels for each quantity: point charges, DFT and the difference, with the configuration's tip.

    Parameters
    ----------
    compared
        See `afm.hydrate_stacks.compare_electrostatics`, by multipole of the tip.
    afm
        The configuration's block of that name.

    Returns
    -------
    The figure; and a row for each tip, quantity and the lowest, middle and highest image.
    """
    shown = compared[afm["tip"]["multipole"]]
    heights = shown.height.values[[0, shown.sizes["height"] // 2, -1]]
    table = pd.DataFrame(
        [
            {"tip": multipole, "height_A": height, "quantity": QUANTITIES[name][0], "unit": QUANTITIES[name][1]}
            | _numbers(plane)
            for multipole, one in compared.items()
            for height in heights
            for name, plane in _planes(one, height, afm).items()
        ]
    ).set_index("tip")

    figure = new_figure(PAGE, 6.3)
    height, amplitude = heights[0], afm["amplitude"]
    figure.suptitle(
        f"anchor of the tip {height:.1f} Å above the oxygens, at the lowest point {height - amplitude:.1f} Å",
        fontsize=8,
    )
    axes = figure.subplots(3, 3, sharex=True, sharey=True)
    for row, (name, planes) in zip(axes, _planes(shown, heights[0], afm).items(), strict=True):
        quantity, unit = QUANTITIES[name]
        low, high = np.percentile(planes, [100 - SHARE, SHARE])
        difference = planes.sel(electrostatics="dft") - planes.sel(electrostatics="charges")
        end = np.percentile(np.abs(difference), SHARE)
        colours = {"cmap": "gray" if name == "image" else "cividis", "vmin": low, "vmax": high}
        for axis, kind in zip(row, ("charges", "dft"), strict=False):
            values = _show(axis, planes.sel(electrostatics=kind), colours, shown)
        differences = _show(row[2], difference, {"cmap": "PuOr", "vmin": -end, "vmax": end}, shown)
        figure.colorbar(values, ax=row[:2], label=f"{quantity} ({unit})", pad=0.01)
        figure.colorbar(differences, ax=row[2], label=f"difference ({unit})", pad=0.02)
        row[0].set_ylabel("y (nm)")
    for axis, title in zip(axes[0], ("point charges", "DFT", "DFT − point charges"), strict=True):
        axis.set_title(title)
    for axis in axes[-1]:
        axis.set_xlabel("x (nm)")
    return figure, table


def _planes(one: xr.Dataset, height: float, afm: dict) -> dict[str, xr.DataArray]:
    """Potential (mV), force (pN) and image (Hz), each (electrostatics, y, x), with the tip's anchor at a height, A.

    Force and potential are those at the lowest point of the oscillation.
    """
    lowest = one.sel(tip_height=height - afm["amplitude"], method="nearest")
    return {
        "potential": 1e3 * lowest.potential,
        "force": PICONEWTON * lowest.force,
        "image": one.frequency_shift.sel(height=height, method="nearest"),
    }


def _numbers(plane: xr.DataArray) -> dict[str, float]:
    """Contrast (standard deviation) of both, and the difference: mean, deviation about it, and largest."""
    charges, dft = (plane.sel(electrostatics=kind).values.astype(float) for kind in ("charges", "dft"))
    difference = dft - charges
    return {
        "contrast_charges": charges.std(),
        "contrast_dft": dft.std(),
        "difference_mean": difference.mean(),
        "difference_rms": np.sqrt((difference**2).mean()),
        "difference_largest": np.abs(difference).max(),
        "share_of_contrast": difference.std() / dft.std(),
    }


def _show(axis: Axes, plane: xr.DataArray, colours: dict, one: xr.Dataset):
    """Draw a plane (y, x) and the atoms under it."""
    half = float(plane.x[1] - plane.x[0]) / 2
    edges = [(float(plane[name][end]) + sign * half) / 10 for name in "xy" for end, sign in ((0, -1), (-1, 1))]
    picture = axis.imshow(plane.transpose("y", "x"), extent=edges, **colours)
    symbols = np.array([chemical_symbols[number] for number in one.number.values])
    for symbol in dict.fromkeys(symbols):
        x, y = one.position.values[symbols == symbol, :2].T / 10
        axis.scatter(x, y, AREA[symbol], COLOURS[symbol], edgecolors="black", linewidths=0.4)
    return picture
