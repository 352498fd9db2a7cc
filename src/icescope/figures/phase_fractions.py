"""Shares of the phases of amorphous ice along a trajectory."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from icescope.amorphous.phases import IA
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import COLUMN, new_figure

MARKED = 40  # frames, up to which each one is marked


def draw_fractions(table: pd.DataFrame, threshold: float) -> Figure:
    """One line a phase, against time where all of it is known, else against the number of the frame.

    Parameters
    ----------
    table
        From `amorphous.classification.fractions`.
    threshold
        By which it was made.
    """
    figure = new_figure(COLUMN, 2.6)
    axis = figure.subplots()
    timed = table.time_ps.notna().all()
    along = table.time_ps if timed else table.index
    for name in table.columns.drop("time_ps"):
        marker = "o" if len(table) <= MARKED else None
        axis.plot(along, 100 * table[name], color=COLOURS[name], marker=marker, markersize=3, linewidth=1, label=name)
    axis.set(xlabel="time (ps)" if timed else "frame", ylabel="share of molecules (%)", ylim=(-2, 102))
    if len(table) == 1:
        axis.set_xticks(along)
    elif not timed:
        axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    title = f"probability above {threshold:g}; {IA}: of no phase"
    figure.legend(loc="outside upper center", ncols=len(table.columns), title=title, fontsize=7, title_fontsize=7)
    return figure
