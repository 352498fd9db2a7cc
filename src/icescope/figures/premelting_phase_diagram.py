"""The surface of ice over temperature: order, mobility, state, and its network of hydrogen bonds from above."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from icescope.amorphous.frames import water_frames
from icescope.figures.page import PAGE, new_figure
from icescope.figures.published import published_numbers
from icescope.figures.surface_view import View, draw_view, name_rings, view
from icescope.premelting.layers import DIRECTIONS, bilayers, holds
from icescope.premelting.states import AMORPHOUS, CRYSTAL, LIQUID, MOBILE, ORDERED

STATE_COLOURS = {CRYSTAL: "#56B4E9", AMORPHOUS: "#E69F00", LIQUID: "#D55E00"}
DEPTH_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "0.4")
LINES = dict(zip(DIRECTIONS, ("-", "--"), strict=True))
SQUARE_CENTIMETRE_PER_SECOND = 1e-4  # of 1 A^2/ps


def snapshots(trajectory: str | Path, topology: str | Path, record: str | Path) -> dict[str, View]:
    """The upper bilayer at the end of the holds that are shown, by title; see `shown_holds`.

    Raises
    ------
    InputError
        As of `premelting.layers.layer_table`.
    """
    sheets = bilayers(next(water_frames(topology)))
    ends = [(hold.direction, hold.temperature, hold.frames[-1]) for hold in holds(trajectory, topology, record)]
    views = {}
    for number in shown_holds([direction for direction, _, _ in ends]):
        direction, temperature, frame = ends[number]
        oxygens = frame.positions[frame.symbols == "O"]
        outermost = sheets.of(oxygens, frame.cell[2, 2]) == sheets.count - 1
        views[f"{temperature:g} K, {direction}"] = view(oxygens, frame.cell, outermost)
    return views


def shown_holds(directions: Sequence[str]) -> list[int]:
    """Numbers of four holds that are shown: the first, one in the middle of heating, the highest and the last."""
    heated = list(directions).count(DIRECTIONS[0])
    return list(dict.fromkeys((0, heated // 2, heated - 1, len(directions) - 1)))


def draw_phase_diagram(states: pd.DataFrame, bounds: pd.DataFrame, views: dict[str, View]) -> Figure:
    """Order and mobility of each depth over temperature, states of the outermost bilayer, and views of it.

    Parameters
    ----------
    states, bounds
        From `premelting.states.surface_states` and `amorphous_bounds`.
    views
        From `snapshots`.
    """
    figure = new_figure(PAGE, 5.7)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.15, 0.9])
    order, mobility, diagram = upper.subplots(1, 3)
    _draw_measure(order, states, "hexagonal_order", 1.0)
    order.axhline(ORDERED, color="0.5", linewidth=0.8, linestyle=":")
    order.set(ylabel="hexagonal order $h_6$", ylim=(0, 1.05))
    order.legend(fontsize=6)
    _draw_measure(mobility, states, "diffusion_A2_per_ps", SQUARE_CENTIMETRE_PER_SECOND)
    threshold = MOBILE * SQUARE_CENTIMETRE_PER_SECOND
    mobility.axhline(threshold, color="0.5", linewidth=0.8, linestyle=":")
    mobility.set_yscale("symlog", linthresh=threshold)
    mobility.set(ylabel="diffusion along the surface (cm²/s)")
    _draw_states(diagram, states, bounds)
    for axis, title in ((order, "a"), (mobility, "b"), (diagram, "c")):
        axis.set_xlabel("temperature (K)")
        axis.set_title(title, loc="left", fontweight="bold")
    axes = np.atleast_1d(lower.subplots(1, len(views)))
    for axis, (title, seen) in zip(axes, views.items(), strict=True):
        draw_view(axis, seen)
        axis.set_xlabel(title, fontsize=7)
    axes[0].set_title("d", loc="left", fontweight="bold")
    name_rings(lower)
    return figure


def _draw_measure(axis: Axes, states: pd.DataFrame, name: str, unit: float) -> None:
    """A measure of each depth, heating and cooling, with its interval."""
    for depth, colour in zip(sorted(set(states.index.get_level_values("depth"))), DEPTH_COLOURS, strict=False):
        for direction, line in LINES.items():
            table = states.loc[direction, depth]
            label = f"bilayer {depth + 1}" if direction == DIRECTIONS[0] else None
            axis.plot(table.index, unit * table[name], line, color=colour, marker=".", linewidth=1, label=label)
            low, high = unit * table[f"{name} low"], unit * table[f"{name} high"]
            axis.fill_between(table.index, low, high, color=colour, alpha=0.15, linewidth=0)


def _draw_states(axis: Axes, states: pd.DataFrame, bounds: pd.DataFrame) -> None:
    """A row of states for each direction, each from half-way to half-way between holds, and the published layer."""
    for row, direction in enumerate(DIRECTIONS):
        table = states.loc[direction, 0]
        kelvin = table.index.to_numpy(float)
        edges = np.concatenate([kelvin[:1], (kelvin[1:] + kelvin[:-1]) / 2, kelvin[-1:]])
        for left, right, state, certain in zip(edges, edges[1:], table.state, table.certain, strict=False):
            axis.barh(
                row, right - left, 0.6, left, color=STATE_COLOURS[state], hatch=None if certain else "////", ec="w"
            )
        for bound, mark in (("lower", ">"), ("upper", "<")):
            found = bounds.loc[(direction, bound)]
            if np.isfinite(found.temperature_K):
                ends = np.clip([found.low, found.high], kelvin[0], kelvin[-1])
                axis.plot(ends, [row, row], color="k", linewidth=1)
                axis.plot(found.temperature_K, row, mark, color="k", markersize=4)
    published = published_numbers().set_index("quantity").published
    lower, upper = (published[f"{bound} bound of the amorphous ice layer"] for bound in ("lower", "upper"))
    axis.barh(len(DIRECTIONS), upper - lower, 0.6, lower, color=STATE_COLOURS[AMORPHOUS])
    axis.set_yticks(range(len(DIRECTIONS) + 1), [*DIRECTIONS, "published"])
    axis.set_ylim(len(DIRECTIONS) + 0.5, -0.5)
    named = [Patch(color=colour, label=state) for state, colour in STATE_COLOURS.items()]
    named.append(Patch(facecolor="w", edgecolor="0.4", hatch="////", label="uncertain"))
    axis.legend(handles=named, loc="lower center", bbox_to_anchor=(0.5, 1.06), ncols=2, fontsize=6)
