"""A bilayer of ice from above: its oxygens, the bonds between them, and the rings that they form."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from ase.cell import Cell
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import SubFigure
from matplotlib.patches import Patch

from icescope.premelting.rings import bonds, rings

RING_COLOURS = {5: "#E69F00", 6: "#56B4E9", 7: "#009E73"}
OTHER_RING = "0.75"
OXYGEN = "#B22222"


class View(NamedTuple):
    """Places (n, 2) of oxygens, A, bonds (pairs, 2) between them, their rings, and the edges (2,) of the cell, A."""

    places: np.ndarray
    bonds: np.ndarray
    rings: list[list[int]]
    edges: np.ndarray


def view(oxygens: np.ndarray, cell: Cell, shown: np.ndarray) -> View:
    """View of some of the oxygens (n, 3), A, of a periodic cell, which `shown` (n,) is True for."""
    number = np.where(shown, np.cumsum(shown) - 1, -1)
    pairs = number[bonds(oxygens, cell)]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    return View(oxygens[shown, :2], pairs, rings(pairs), cell.lengths()[:2])


def draw_view(axis: Axes, seen: View) -> None:
    """Rings, bonds and oxygens, also of the images that reach into the cell."""

    def near(chain: Sequence[int]) -> np.ndarray:
        """Places (n, 2) of a chain of bonds, each at the image nearest to the one before."""
        places = seen.places[list(chain)]
        steps = np.diff(places, axis=0)
        steps -= seen.edges * np.round(steps / seen.edges)
        return places[0] % seen.edges + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])

    colours = [RING_COLOURS.get(len(ring), OTHER_RING) for ring in seen.rings]
    for image in product((-1, 0, 1), repeat=2):
        shift = seen.edges * image
        axis.add_collection(PolyCollection([near(ring) + shift for ring in seen.rings], facecolors=colours, alpha=0.6))
        axis.add_collection(LineCollection([near(pair) + shift for pair in seen.bonds], colors="0.3", linewidths=0.7))
    axis.plot(*(seen.places % seen.edges).T, "o", color=OXYGEN, markersize=2)
    axis.set(xlim=(0, seen.edges[0]), ylim=(0, seen.edges[1]), aspect="equal", xticks=[], yticks=[])


def name_rings(figure: SubFigure) -> None:
    """A legend of the colours of rings below a figure."""
    named = [Patch(color=colour, label=f"{size}") for size, colour in RING_COLOURS.items()]
    figure.legend(
        handles=[*named, Patch(color=OTHER_RING, label="other")],
        title="molecules in a ring of the outermost bilayer",
        loc="outside lower center",
        ncols=len(named) + 1,
        fontsize=7,
        title_fontsize=7,
    )
