"""A plane of an electrostatic potential above a structure."""

import numpy as np
import xarray as xr
from ase import Atoms
from ase.data import covalent_radii
from matplotlib.figure import Figure

from icescope.figures.page import COLUMN, new_figure

LEVELS = 12  # contour lines
SIZE = 120.0  # points^2, of a circle for an atom of 1 A


def draw_plane(potential: xr.DataArray, atoms: Atoms, height: float, name: str) -> Figure:
    """The potential in a plane parallel to the surface, with the atoms below it.

    White is the plane's mean, as the whole plane of an ion is of one sign; red is more, blue less, equally far.

    Parameters
    ----------
    potential
        (x, y, z), V; the plane of points nearest the height is drawn.
    height
        Above the highest atom, A.
    name
        Of the structure.
    """
    top = atoms.positions[:, 2].max()
    plane = potential.transpose("x", "y", "z").sel(z=top + height, method="nearest")
    values, x, y = plane.values.T, plane.x.values / 10, plane.y.values / 10
    middle = values.mean()
    reach = np.abs(values - middle).max()
    figure = new_figure(COLUMN * 1.3, COLUMN * 1.1)
    axis = figure.subplots()
    image = axis.pcolormesh(
        x, y, values, cmap="RdBu_r", vmin=middle - reach, vmax=middle + reach, shading="nearest", rasterized=True
    )
    axis.contour(x, y, values, LEVELS, colors="black", linewidths=0.3)
    size = SIZE * covalent_radii[atoms.numbers]
    axis.scatter(*atoms.positions[:, :2].T / 10, size, facecolors="none", edgecolors="black", linewidths=0.6)
    for symbol, place in zip(atoms.symbols, atoms.positions / 10, strict=True):
        axis.annotate(symbol, place[:2], ha="center", va="center", fontsize=5)
    figure.colorbar(image, label="potential (V)")
    axis.set(xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
    axis.set_title(f"{name}, {float(plane.z) - top:.2f} Å above", parse_math=False)
    return figure
