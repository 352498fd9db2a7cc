"""Figure of one measured stack: three of its images, the predicted map, and the atoms over the middle image."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.spatial import cKDTree

from icescope.figures.page import show_image
from icescope.learning.experiment import BOND, Prediction

# Okabe and Ito's palette: told apart under every common colour vision. Diameters in A, drawn to scale.
STYLE = {"O": ("#D55E00", 1.3), "H": ("#56B4E9", 0.7), "Na": ("#CC79A7", 1.6)}
OTHER = ("#F0E442", 1.3)
FAINTEST = 0.3  # opacity of an atom without confidence
NANOMETRE = 10.0  # A


def draw_prediction(prediction: Prediction) -> Figure:
    """Nearest, middle and farthest image used and the confidence above; the map and the atoms below, larger."""
    figure = Figure(figsize=(11, 8.4), layout="constrained")
    panels = figure.subplot_mosaic(
        [["nearest", "middle", "farthest", "confidence"], ["map", "map", "atoms", "atoms"]], height_ratios=[1, 2]
    )
    images = prediction.images
    middle = len(prediction.used) // 2
    for name, index in {"nearest": 0, "middle": middle, "farthest": len(prediction.used) - 1}.items():
        show_image(panels[name], images[index].values, _extent(images))
        panels[name].set_title(f"{name} image: {_file(prediction, index)}", fontsize="medium", parse_math=False)
    colours = np.clip(np.moveaxis(prediction.colour_map.values, 0, -1), 0, 1)
    panels["map"].imshow(colours, origin="lower", extent=_extent(images))
    panels["map"].set_title("predicted map")
    show_image(panels["atoms"], images[middle].values, _extent(images))
    _draw_atoms(panels["atoms"], prediction)
    panels["atoms"].set_title("predicted atoms over the middle image")
    for name, panel in panels.items():
        if name != "confidence":
            panel.set(xlabel="x (nm)", ylabel="y (nm)")
            panel.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
            panel.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    _draw_confidence(panels["confidence"], prediction)
    return figure


def _draw_atoms(panel: Axes, prediction: Prediction) -> None:
    """Discs for atoms, fainter where the confidence is low, and lines for O-H bonds."""
    atoms = prediction.atoms
    symbols = np.array(atoms.get_chemical_symbols())
    places = atoms.positions[:, :2] / NANOMETRE
    oxygen, hydrogen = np.flatnonzero(symbols == "O"), np.flatnonzero(symbols == "H")
    if len(oxygen) and len(hydrogen):
        near = cKDTree(atoms.positions[oxygen]).query_ball_tree(cKDTree(atoms.positions[hydrogen]), BOND)
        bonds = [(places[o], places[hydrogen[h]]) for o, found in zip(oxygen, near, strict=True) for h in found]
        panel.add_collection(LineCollection(bonds, colors="white", linewidths=1.2, zorder=2))
    for symbol in sorted(set(symbols), reverse=True):
        colour, diameter = STYLE.get(symbol, OTHER)
        diameters = np.full(np.count_nonzero(symbols == symbol), diameter / NANOMETRE)
        discs = EllipseCollection(
            diameters,
            diameters,
            np.zeros_like(diameters),
            units="xy",
            offsets=places[symbols == symbol],
            offset_transform=panel.transData,
            facecolors=colour,
            edgecolors="black",
            linewidths=0.3,
            zorder=3,
            alpha=np.clip(atoms.arrays["confidence"][symbols == symbol], FAINTEST, 1),
        )
        panel.add_collection(discs)
    left, right, bottom, top = _extent(prediction.images)
    panel.set(xlim=(left, right), ylim=(bottom, top))


def _draw_confidence(panel: Axes, prediction: Prediction) -> None:
    """Histogram of the confidence for each element; its colours are those of the atoms."""
    symbols = np.array(prediction.atoms.get_chemical_symbols())
    for symbol in sorted(set(symbols), reverse=True):
        values = prediction.atoms.arrays["confidence"][symbols == symbol]
        colour, _ = STYLE.get(symbol, OTHER)
        bins = np.linspace(0, 1, 21)
        panel.hist(values, bins, histtype="stepfilled", color=colour, alpha=0.4)
        panel.hist(values, bins, histtype="step", color=colour, linewidth=1.5, label=f"{len(values)} {symbol}")
    if len(symbols):
        panel.legend(loc="upper left", frameon=False)
    else:
        panel.text(0.5, 0.5, "no atoms found", ha="center", transform=panel.transAxes)
    panel.set(xlabel="confidence", ylabel="atoms", xlim=(0, 1))
    panel.set_title("how certain the atoms are", fontsize="medium")


def _extent(image: xr.DataArray) -> tuple[float, float, float, float]:
    """Left, right, bottom and top edge (nm) of the pixels."""
    edges = []
    for axis in ("x", "y"):
        centres = image[axis].values
        half = (centres[-1] - centres[0]) / (len(centres) - 1) / 2
        edges += [(centres[0] - half) / NANOMETRE, (centres[-1] + half) / NANOMETRE]
    left, right, bottom, top = edges
    return left, right, bottom, top


def _file(prediction: Prediction, index: int) -> str:
    """Name of the file of the `index`-th image used."""
    number = prediction.used[index]
    files = prediction.stack.attrs.get("files")
    return files[number] if files else f"number {number}"
