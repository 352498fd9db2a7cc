"""Figure 5 of Shupletsova and Stegailov 2026: slices of the cell at some pressures, oxygens coloured by phase."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from ase.geometry import wrap_positions
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from icescope.amorphous.phases import INTERMEDIATE
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import PAGE, new_figure

SLICE = 3.0  # A, thickness
DIAMETER = 2.4  # A, of a disc: near neighbours do not cover one another
TICKS = 10.0  # A
NAMES = {0: "LDA", 1: "HDA", INTERMEDIATE: "IA"}


def slice_table(
    positions: Sequence[np.ndarray],
    cells: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    pressures: Sequence[float],
) -> pd.DataFrame:
    """Oxygens within SLICE of each frame, in the middle of the cell along z (the paper's z = 22 A is that of its cell).

    Parameters
    ----------
    positions
        (molecules, 3) of each frame, A; may lie outside the cell.
    cells
        (3, 3) of each frame, A; a and b lie in the plane of the slice.
    phases
        (molecules,) of each frame, see `amorphous.phases.assign`.
    pressures
        Of each frame, GPa.

    Returns
    -------
    Columns frame, pressure, x, y, z (A), phase (LDA, HDA or IA).
    """
    found = []
    for frame, (places, cell, phase) in enumerate(zip(positions, cells, phases, strict=True)):
        wrapped = wrap_positions(places, cell)
        inside = np.abs(wrapped[:, 2] - cell[2][2] / 2) <= SLICE / 2
        columns = {"frame": frame, "pressure": pressures[frame], **dict(zip("xyz", wrapped[inside].T, strict=True))}
        found.append(pd.DataFrame(columns | {"phase": [NAMES[one] for one in phase[inside].tolist()]}))
    return pd.concat(found, ignore_index=True)


def draw_fig5(table: pd.DataFrame, cells: Sequence[np.ndarray]) -> Figure:
    """A panel a frame, two in a row; discs are oxygens.

    Parameters
    ----------
    table
        From `slice_table`.
    cells
        Of the same frames.
    """
    rows = -(-len(cells) // 2)
    figure = new_figure(PAGE, 3.4 * rows + 0.4)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for frame, (panel, cell) in enumerate(zip(panels, cells, strict=False)):
        atoms = table[table.frame == frame]
        sizes = np.full(len(atoms), DIAMETER)
        style = {"facecolors": atoms.phase.map(COLOURS), "edgecolors": "black", "linewidths": 0.3, "units": "xy"}
        style |= {"offsets": atoms[["x", "y"]].to_numpy(), "offset_transform": panel.transData}
        panel.add_collection(EllipseCollection(sizes, sizes, np.zeros_like(sizes), **style))
        width, height = np.abs(np.asarray(cell)[:2, :2]).sum(0)
        panel.set(xlim=(0, width), ylim=(0, height), xlabel="x (Å)", ylabel="y (Å)", aspect="equal")
        panel.xaxis.set_major_locator(MultipleLocator(TICKS))
        panel.yaxis.set_major_locator(MultipleLocator(TICKS))
        panel.set_title(f"{atoms.pressure.iloc[0]:.2f} GPa")
    for panel in panels[len(cells) :]:
        panel.set_axis_off()
    style = {"marker": "o", "markeredgecolor": "black", "markeredgewidth": 0.3, "linestyle": ""}
    handles = [Line2D([], [], color=COLOURS[name], label=name, **style) for name in NAMES.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure
