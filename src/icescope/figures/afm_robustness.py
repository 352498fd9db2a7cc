"""How far a prediction stands what an instrument does: accuracy along each effect, with the points where it breaks."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from icescope.figures.page import PAGE, new_figure

COLUMNS = 4  # of panels
COLOURS = {"O": "#D55E00", "H": "#0072B2"}
LINES = {"peaks": "--", "ice rules": "-"}


def draw_robustness(curves: pd.DataFrame, breaks: pd.DataFrame) -> Figure:
    """A panel an effect: accuracy of O and H, plain peaks and under the ice rules, against the effect's strength.

    Crosses mark where accuracy has fallen by half; the usual strength of ordinary stacks is shaded.

    Parameters
    ----------
    curves, breaks
        From `learning.robustness.robustness` and `break_points`.
    """
    effects = curves.index.get_level_values("effect").unique()
    rows = -(-(len(effects) + 1) // COLUMNS)  # the last place is the legend's
    figure = new_figure(PAGE, 1.6 * rows)
    axes = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).ravel()
    for axis, effect in zip(axes, effects, strict=False):
        _draw_effect(axis, curves.loc[effect], breaks.loc[effect])
        axis.set_title(effect)
    for axis in axes[::COLUMNS]:
        axis.set_ylabel("accuracy (%)")
    for axis in axes[len(effects) :]:
        axis.axis("off")
    handles = [
        Line2D([], [], color=colour, linestyle=LINES[name], label=f"{symbol}, {name}")
        for symbol, colour in COLOURS.items()
        for name in LINES
    ]
    handles += [
        Line2D([], [], color="black", marker="x", linestyle="", label="fallen by half"),
        Patch(color="0.9", label="usual strength"),
    ]
    axes[-1].legend(handles=handles, loc="center", fontsize=7)
    return figure


def _draw_effect(axis: Axes, curves: pd.DataFrame, breaks: pd.DataFrame) -> None:
    usual = curves.usual.iloc[0]
    if np.isfinite(usual):
        strength = curves.index.get_level_values("strength")
        axis.axvspan(max(-usual, strength.min()), min(usual, strength.max()), color="0.9", linewidth=0)
    for (name, symbol), curve in curves.groupby(["decoding", "what"]):
        if symbol not in COLOURS:
            continue
        axis.plot(
            curve.index.get_level_values("strength"),
            100 * curve.accuracy,
            LINES[name],
            color=COLOURS[symbol],
            marker=".",
            markersize=3,
            linewidth=1,
        )
        broken = breaks.loc[(name, symbol)]
        at = np.array([broken.breaks_below, broken.breaks_above], float)
        axis.plot(at, np.full(2, 50 * broken.clean), "x", color=COLOURS[symbol], markersize=5)
    axis.set_ylim(0, 100)
    axis.set_xlabel(curves.unit.iloc[0], fontsize=7)
