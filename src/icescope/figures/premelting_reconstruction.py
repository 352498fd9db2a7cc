"""Faces of ice over temperature: simulated AFM images, the bilayer read from them, and the one that is there."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure, show_image
from icescope.figures.premelting_phase_diagram import LINES, shown_holds
from icescope.figures.surface_view import OXYGEN, draw_view, name_rings, view
from icescope.learning.surface_reading import face_stack
from icescope.maps.scores import accuracy
from icescope.premelting.layers import SIDES
from icescope.premelting.states import ORDERED, branch

SPECIES = {"O": OXYGEN, "H": "#1E90FF"}
DOTS = {"marker": "o", "markersize": 3}


def reconstruction_table(faces: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and order of all faces at each temperature of each direction.

    Parameters
    ----------
    faces
        From `learning.surface_reading.read_faces`, of several slabs.

    Returns
    -------
    Rows by direction and temperature_K, in the order of the run: faces, their number; for O and H the pooled
    "accuracy", and that of the worst and the best face; "hexagonal_order" and "hexagonal_order read" and the "error"
    between them, the mean of its absolute value; "vertical_error", A.
    """
    rows = {}
    for key, group in faces.groupby(["direction", "temperature_K"], sort=False):
        row = {"faces": len(group)}
        for symbol in SPECIES:
            counts = group.filter(regex=f"^{symbol} ").rename(columns=lambda name: name.split()[1])
            each = accuracy(counts)
            pooled = accuracy(counts.sum().to_frame().T).iloc[0]
            row |= {f"{symbol} accuracy": pooled, f"{symbol} worst": each.min(), f"{symbol} best": each.max()}
        there, read = group["hexagonal_order"], group["hexagonal_order read"]
        row |= {"hexagonal_order": there.mean(), "hexagonal_order read": read.mean()}
        rows[key] = row | {"error": (read - there).abs().mean(), "vertical_error": group.vertical_error.mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["direction", "temperature_K"])


def draw_reconstruction(table: pd.DataFrame, structures: Sequence[Atoms], pixel_size: float) -> Figure:
    """Four faces as images, as read and as they are, and order and accuracy over temperature.

    Parameters
    ----------
    table
        From `reconstruction_table`.
    structures
        Of one slab, from `learning.surface_reading.read_faces`.
    pixel_size
        Of the images, which are made again, A.
    """
    upper = [atoms for atoms in structures if atoms.info["side"] == SIDES[1]]
    pairs = list(zip(upper[::2], upper[1::2], strict=True))
    shown = [pairs[number] for number in shown_holds([face.info["direction"] for face, _ in pairs])]
    figure = new_figure(PAGE, 7.8)
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 1.25])
    grid = top.subplots(3, len(shown), squeeze=False)
    for column, (face, read) in zip(grid.T, shown, strict=True):
        image = face_stack(face, pixel_size)
        middle = image.isel(height=image.sizes["height"] // 2)
        show_image(column[0], middle.values, [0, face.cell[0, 0], 0, face.cell[1, 1]])
        column[0].set(xticks=[], yticks=[], title=f"{face.info['temperature_K']:g} K, {face.info['direction']}")
        _draw_atoms(column[1], read)
        _draw_atoms(column[2], face[face.arrays["depth"] == 0])
    for axis, label in zip(grid[:, 0], ("AFM, simulated", "read from images", "in the simulation"), strict=True):
        axis.set_ylabel(label)
    name_rings(top)
    order, right = bottom.subplots(1, 2)
    for direction, line in LINES.items():
        rows = branch(table.reset_index(), direction).set_index("temperature_K").sort_index()
        order.plot(rows.index, rows.hexagonal_order, line, color="0.5", label=f"{direction}, in the simulation")
        order.plot(rows.index, rows["hexagonal_order read"], line, color="k", label=f"{direction}, read", **DOTS)
        for symbol, colour in SPECIES.items():
            label = f"{symbol}, {direction}"
            right.plot(
                rows.index, 100 * rows[f"{symbol} accuracy"], line, color=colour, marker="o", markersize=3, label=label
            )
    order.axhline(ORDERED, color="0.5", linewidth=0.8, linestyle=":")
    order.set(xlabel="temperature (K)", ylabel="hexagonal order $h_6$", ylim=(0, 1.05))
    right.set(xlabel="temperature (K)", ylabel="accuracy (%)", ylim=(0, 102))
    for axis in (order, right):
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=6)
    return figure


def _draw_atoms(axis: Axes, atoms: Atoms) -> None:
    """Oxygens with their rings, and hydrogens."""
    oxygens = atoms.symbols == "O"
    draw_view(axis, view(atoms.positions[oxygens], atoms.cell, np.ones(oxygens.sum(), bool)))
    hydrogens = atoms.positions[atoms.symbols == "H", :2] % atoms.cell.lengths()[:2]
    axis.plot(*hydrogens.T, "o", color=SPECIES["H"], markersize=1.2)
