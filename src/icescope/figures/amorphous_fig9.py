"""Figure 9 of Shupletsova and Stegailov 2026: the interface while the cell is compressed across it and let go."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from icescope.amorphous.interface import fit_interface, nearest, profile
from icescope.amorphous.interface_frames import pool, pooled_profile
from icescope.amorphous.interface_shift import DIRECTIONS, PressedState, interface_shifts, material_places
from icescope.figures.page import PAGE, new_figure

MODELS = ("O", "O,H")  # sets of descriptors
LINES = dict(zip(DIRECTIONS, ("-", "--"), strict=True))
AROUND = 14.0  # A, of the interface that the right panels show


def pressed_interface(states: Sequence[PressedState], seed: int) -> pd.DataFrame:
    """`interface_shifts` of each model; rows by model and number of the state, from 0."""
    tables = {model: interface_shifts(states, model, seed) for model in MODELS}
    return pd.concat(tables, names=["model", "state"])


def draw_fig9(states: Sequence[PressedState], table: pd.DataFrame) -> Figure:
    """A row a model: left, profiles from the middle of HDA; right, both interfaces in places of the first state.

    Parameters
    ----------
    table
        From `pressed_interface`.
    """
    pressures = sorted({state.pressure for state in states})
    shades = dict(zip(pressures, colormaps["viridis_r"](np.linspace(0.08, 1, len(pressures))), strict=True))
    figure = new_figure(PAGE, 5.4)
    axes = figure.subplots(len(MODELS), 2, sharex="col", sharey=True, width_ratios=[1.6, 1])
    for (whole, close), model in zip(axes, MODELS, strict=True):
        for state in states:
            style = {"color": shades[state.pressure], "linestyle": LINES[state.direction], "linewidth": 1}
            _draw_whole(whole, state, model, f"{state.pressure:g} GPa, {state.direction}", style)
            _draw_close(close, states[0], state, model, style)
        whole.set(ylabel="P(HDA)", title=f"M2({model})", ylim=(-0.04, 1.04))
        close.set_title(_in_words(table.loc[model]), fontsize=6.5)
    axes[-1, 0].set_xlabel("x from the middle of HDA (Å)")
    axes[-1, 1].set(
        xlabel="from the first interface into HDA,\nin places of the first state (Å)", xlim=(-AROUND, AROUND)
    )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=7)
    return figure


def _draw_whole(axis: Axes, state: PressedState, model: str, label: str, style: dict) -> None:
    probability, places, lengths = pool(state.probabilities[model], state.positions, state.cells)
    found = fit_interface(places[:, 0], probability, lengths[0])
    table = pooled_profile(state.probabilities[model], state.positions, state.cells)
    x = nearest(table.x - found.left - (found.right - found.left) % lengths[0] / 2, lengths[0])
    order = np.argsort(x)
    axis.plot(x[order], table.probability[order], label=label, **style)


def _draw_close(axis: Axes, first: PressedState, state: PressedState, model: str, style: dict) -> None:
    """Mean of the left interface and the mirrored right one, against the distance from where they were at first."""
    places, lengths = material_places(first)
    start = fit_interface(places[:, 0], first.probabilities[model].mean(0), lengths[0])
    into = nearest(np.stack([places[:, 0] - start.left, start.right - places[:, 0]]), lengths[0])
    # the middles of the slabs belong to one interface each, so that none is counted twice
    slab = (start.right - start.left) % lengths[0]
    near = (into < slab / 2) & (into > (slab - lengths[0]) / 2)
    probability = np.broadcast_to(state.probabilities[model].mean(0), into.shape)
    table = profile(into[near], probability[near], lengths[0])
    shown = nearest(table.x, lengths[0])
    order = np.argsort(shown)
    axis.plot(shown[order], table.probability[order], **style)


def _in_words(table: pd.DataFrame) -> str:
    """Shift at the highest pressure, and on the way down what is left of it at the first pressure and at the end."""
    top = table.pressure.argmax()
    words = [f"shift into LDA at {table.pressure.iloc[top]:g} GPa {_with_error(table.iloc[top])} Å"]
    down = table[table.direction == DIRECTIONS[1]]
    for _, row in down[(down.pressure == table.pressure.iloc[0]) | (down.index == table.index[-1])].iterrows():
        words.append(f"back at {row.pressure:g} GPa {_with_error(row)} Å")
    return ",\n".join(words)


def _with_error(row: pd.Series) -> str:
    return f"{row['shift']:.2f} ± {row['shift error']:.2f}"
