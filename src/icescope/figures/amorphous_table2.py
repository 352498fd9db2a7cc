"""Table 2 of Shupletsova and Stegailov 2026 as a figure: the most important features for each pair of phases."""

import pandas as pd
from matplotlib.figure import Figure

from icescope.amorphous.rankings import PRINTED, RELABELLED, TOP, TURNED
from icescope.figures.page import PAGE, new_figure

COLOURS = {"HH": "#56B4E9", "HO": "#0072B2", "OO": "#D55E00"}  # of pairs of species: Okabe and Ito's palette
SIGNS = {PRINTED: "", RELABELLED: "*", TURNED: "†"}
PAIRS = ("LDA-HDA", "LDA-MDA", "MDA-HDA")  # as the paper has them from left to right


def draw_table2(top: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """A row a model, a panel a pair of phases: our top features, and the published rank of those in the paper too.

    Parameters
    ----------
    top
        From `amorphous.rankings.top_features`, of one or more models.
    published
        From `amorphous.rankings.published_ranks`, of the same.
    """
    models = top.model.unique()
    figure = new_figure(PAGE, 1.7 * len(models) + 0.6)
    axes = figure.subplots(len(models), len(PAIRS), squeeze=False, sharex="row")
    for row, model in enumerate(models):
        for panel, pair in zip(axes[row], PAIRS, strict=True):
            ours = top[(top.model == model) & (top.pair == pair)]
            theirs = published[(published.model == model) & (published.pair == pair)]
            bars = panel.barh(ours["rank"], ours.importance, color=[COLOURS[name[:2]] for name in ours.feature])
            panel.bar_label(bars, [_marks(theirs[theirs.feature == name]) for name in ours.feature], padding=2)
            panel.set(yticks=ours["rank"], yticklabels=ours.feature, ylim=(TOP + 0.6, 0.4))
            panel.set_title(f"({model})  {pair.replace('-', ' vs ')}", loc="left")
            panel.tick_params(axis="y", length=0)
            panel.margins(x=0.2)
    for panel in axes[-1]:
        panel.set_xlabel("accuracy lost when shuffled")
    handles = [(figure.axes[0].barh(0, 0, color=colour), f"{pair} density") for pair, colour in COLOURS.items()]
    note = "number: rank in the paper's table 2, as printed;  * if its l was counted fastest;  † if OH has n1 of O"
    figure.legend(*zip(*handles, strict=True), loc="outside lower center", ncols=3, fontsize=7, title=note)
    figure.legends[0].get_title().set_fontsize(7)
    return figure


def _marks(same: pd.DataFrame) -> str:
    """Published ranks of one of our features, each once: readings can mean the same."""
    same = same.drop_duplicates("rank")
    return ", ".join(f"{rank}{SIGNS[reading]}" for rank, reading in zip(same["rank"], same.reading, strict=True))
