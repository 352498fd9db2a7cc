"""Figure 4 of Shupletsova and Stegailov 2026: fractions of the phases under compression, and what nulls would give."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from icescope.amorphous.compression import MAIN
from icescope.amorphous.nulls import BLEND, MOLECULES
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import PAGE, new_figure

PARTS = {"IA": "-", "interfacial": "--", "isolated": ":"}
NULLS = {BLEND: ("-", "null: each molecule a blend"), MOLECULES: ("--", "null: pure molecules mixed")}


def draw_fig4(table: pd.DataFrame, by_three: pd.DataFrame, null: pd.DataFrame) -> Figure:
    """Fractions against pressure by two phases (a), IA at all thresholds (b), three phases (c); IA against HDA (d).

    Parameters
    ----------
    table
        From `amorphous.compression.compression_table`, with the threshold MAIN.
    by_three
        From `amorphous.compression.likeliest_fractions`, of LDA, MDA and HDA.
    null
        From `amorphous.nulls.mixture_null`, with the threshold MAIN.
    """
    figure = new_figure(PAGE, 5.6)
    panels = figure.subplots(2, 2).ravel()
    main = table[table.threshold == MAIN]
    _draw_fractions(panels[0], main, ("LDA", "HDA", "IA"), f"classifier of two phases, threshold {MAIN:g}")
    _draw_thresholds(panels[1], table)
    _draw_fractions(panels[2], by_three, ("LDA", "MDA", "HDA"), "classifier of three phases, the likeliest")
    _draw_null(panels[3], main, null[null.threshold == MAIN])
    for letter, panel in zip("abcd", panels, strict=True):
        panel.text(-0.14, 1.04, letter, transform=panel.transAxes, weight="bold", fontsize=10)
    return figure


def _draw_fractions(panel: Axes, rows: pd.DataFrame, phases: tuple[str, ...], title: str) -> None:
    for name in phases:
        panel.plot(rows.pressure, rows[name], color=COLOURS[name], label=name, linewidth=1.2)
    panel.set(xlabel="pressure (GPa)", ylabel="fraction of molecules", ylim=(0, 1), title=title)
    panel.legend()


def _draw_thresholds(panel: Axes, table: pd.DataFrame) -> None:
    thresholds = sorted(table.threshold.unique())
    colours = colormaps["viridis"](np.linspace(0.9, 0, len(thresholds)))  # the stricter the darker
    for threshold, colour in zip(thresholds, colours, strict=True):
        rows = table[table.threshold == threshold]
        for name, line in PARTS.items():
            panel.plot(rows.pressure, rows[name], line, color=colour, linewidth=1.2 if name == "IA" else 0.8)
    handles = [
        Line2D([], [], color=colour, label=f"{one:.2f}") for one, colour in zip(thresholds, colours, strict=True)
    ]
    handles += [Line2D([], [], color="0.3", linestyle=line, label=name) for name, line in PARTS.items()]
    panel.set(xlabel="pressure (GPa)", ylabel="fraction of IA", title="IA at thresholds")
    panel.set_ylim(0, 1.3 * table.IA.max())  # room for the key
    panel.legend(handles=handles, ncols=2, fontsize=6.5, columnspacing=1, handlelength=1.8)


def _draw_null(panel: Axes, main: pd.DataFrame, null: pd.DataFrame) -> None:
    """IA against the share of HDA: of the molecules that are of either phase, and as mixed for the nulls."""
    certain = main.LDA + main.HDA
    progress = (main.HDA / certain).where(certain > 0)
    panel.plot(progress, main.IA, "o", color=COLOURS["IA"], markersize=3, label="compression")
    for kind, (line, label) in NULLS.items():
        rows = null[null.kind == kind]
        panel.plot(rows.share, rows.IA, line, color="0.4", linewidth=1.2, label=label)
    panel.set(xlabel="HDA / (LDA + HDA)", ylabel="fraction of IA", title=f"IA against HDA, threshold {MAIN:g}")
    panel.set(xlim=(-0.02, 1.02), ylim=(0, 1.32), yticks=np.linspace(0, 1, 6))  # room for the key
    panel.legend(loc="upper right", fontsize=7)
