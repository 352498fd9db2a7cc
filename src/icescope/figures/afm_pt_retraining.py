"""Water on Pt(111) before and after training again on some of it (Tang et al. 2023, Results, supplementary fig. S7)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure
from icescope.figures.prediction_row import GREYS, draw_accuracy

STAGES = "before", "after"
SPECIES = ["O", "H", "H flat", "H up", "H down"]


def retraining_table(accuracy: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Tables of accuracy by (surface, stage) as one."""
    return pd.concat(accuracy, names=["surface", "stage"])


def swap_table(scores: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Share of swapped donors by (surface, stage, decoding) with its interval, out of tables of all scores."""
    swaps = pd.concat(scores, names=["surface", "stage"]).xs(("hydrogen bond", "swap_rate"), level=("what", "score"))
    return swaps[["value", "low", "high"]]


def draw_retraining(accuracy: pd.DataFrame, swaps: pd.DataFrame) -> Figure:
    """Accuracy before and after by surface and species, and the share of hydrogen bonds with their donors swapped.

    Parameters
    ----------
    accuracy, swaps
        From `retraining_table` and `swap_table`.
    """
    surfaces = list(accuracy.index.unique("surface"))
    figure = new_figure(PAGE, 2.8)
    *panels, last = figure.subplots(1, len(surfaces) + 1, width_ratios=[1.4] * len(surfaces) + [1])
    for panel, surface in zip(panels, surfaces, strict=True):
        tables = {f"{stage} retraining": accuracy.xs((surface, stage), level=("surface", "stage")) for stage in STAGES}
        draw_accuracy(panel, tables, SPECIES)
        panel.set_title(surface)
        panel.tick_params(axis="x", labelsize=7)
    plain = 100 * swaps.xs("peaks", level="decoding")
    for number, stage in enumerate(STAGES):
        rows = plain.xs(stage, level="stage").loc[surfaces]
        at = np.arange(len(surfaces)) + (number - 0.5) * 0.4
        last.bar(at, rows.value, width=0.36, color=GREYS[number])
        last.vlines(at, rows.low, rows.high, color="black", linewidth=1)
    last.set_xticks(np.arange(len(surfaces)), surfaces)
    last.set(title="donors swapped", ylabel="share of hydrogen bonds (%)")
    last.set_ylim(bottom=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=7)
    return figure
