"""Waters around and above the ion: how well each are found (Tang et al. 2023, Results, supplementary fig. S9)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from icescope.figures.page import COLUMN, new_figure
from icescope.learning.around_above import PLACES
from icescope.maps.scores import accuracy

GREYS = {"around": "0.75", "above": "0.4"}
NAMES = {"O": "oxygen", "H": "hydrogen"}


def around_above_table(counts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Counts and accuracy by (set, place, species); see `learning.around_above.count_around_above`."""
    table = pd.concat(counts, names=["set"])
    return table.assign(accuracy=accuracy(table))


def draw_around_above(table: pd.DataFrame) -> Figure:
    """A panel a species: bars of the accuracy by set and place; how many true atoms there are stands over them."""
    figure = new_figure(1.5 * COLUMN, 2.6)
    panels = figure.subplots(1, len(NAMES), sharey=True)
    sets = list(table.index.unique("set"))
    for panel, (species, name) in zip(panels, NAMES.items(), strict=True):
        for number, place in enumerate(PLACES):
            rows = table.xs((place, species), level=("place", "species")).loc[sets]
            at = np.arange(len(sets)) + (number - 0.5) * 0.4
            panel.bar(at, 100 * rows.accuracy, width=0.36, color=GREYS[place], label=f"{place} the ion")
            there = rows.true_positive + rows.false_negative
            for x, height, atoms in zip(at, 100 * rows.accuracy.fillna(0), there, strict=True):
                panel.text(x, height + 1, str(int(atoms)), ha="center", fontsize=6)
        panel.set_xticks(np.arange(len(sets)), sets)
        panel.set(title=name, xlim=(-0.5, len(sets) - 0.5), ylim=(0, 108), yticks=range(0, 101, 20))
    panels[0].set_ylabel("accuracy (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7)
    return figure
