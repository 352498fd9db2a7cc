"""Figure 4 of Tang et al. 2023: accuracy against the number of hydrates learnt from, with and without pretraining."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure

SPECIES = {"Na": "sodium", "O": "oxygen", "H": "hydrogen"}
COLOURS = {"transfer": "tab:blue", "scratch": "tab:orange"}  # as in the paper
NAMES = {"transfer": "pretrained on water", "scratch": "from scratch"}
MARKERS = {  # of scratch around those of transfer, where both are at 0 or 100 %
    "transfer": {"markersize": 3},
    "scratch": {"markersize": 6, "markerfacecolor": "none"},
}
ON_FRAME = {"clip_on": False, "zorder": 3}  # so that points at 0 and 100 % are whole
LINES = {"epochs": "-", "steps": "--"}
OTHER = "point_charges"  # learnt from images by point charges, at the largest size


def learning_curves(networks: Sequence[dict], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row for each network, seed and species.

    Parameters
    ----------
    networks
        What tells each network apart: origin, protocol, size.
    tables
        The accuracy of each by seed and species, see `learning.transfer.retrain`.
    """
    rows = [table.reset_index().assign(**network) for network, table in zip(networks, tables, strict=True)]
    table = pd.concat(rows)
    kept = ["origin", "protocol", "size", "seed", "species", "accuracy", "best", "worst", "chance", "loss"]
    return table.loc[table.species.isin(SPECIES), kept].set_index(kept[:5])


def draw_fig4(curves: pd.DataFrame) -> Figure:
    """A panel a species: mean accuracy over seeds, with a band from the worst to the best of them.

    Parameters
    ----------
    curves
        From `learning_curves`.
    """
    figure = new_figure(PAGE, 3.0)
    panels = figure.subplots(1, len(SPECIES), sharex=True, sharey=True)
    percent = 100 * curves.accuracy.rename("percent")
    spread = percent.groupby(["origin", "protocol", "species", "size"]).agg(["mean", "min", "max"])
    for letter, panel, (species, name) in zip("abc", panels, SPECIES.items(), strict=True):
        for origin, colour in COLOURS.items():
            for protocol, line in LINES.items():
                points = spread.loc[origin, protocol, species]
                label = f"{NAMES[origin]}, equal {protocol}"
                style = {"color": colour, "marker": "o", **MARKERS[origin], **ON_FRAME}
                panel.plot(points.index, points["mean"], line, label=label, **style)
                panel.fill_between(points.index, points["min"], points["max"], color=colour, alpha=0.15, linewidth=0)
        for size, point in spread.loc[OTHER, "epochs", species].iterrows():
            error = [[point["mean"] - point["min"]], [point["max"] - point["mean"]]]
            style = {"fmt": "kx", "markersize": 5, **ON_FRAME}
            panel.errorbar(size, point["mean"], error, label="pretrained, on point charges", **style)
        sizes = sorted(curves.index.unique("size"))
        panel.set(title=name, xlabel="hydrates to learn from", ylim=(0, 100), xticks=sizes)
        panel.text(-0.08, 1.04, letter, transform=panel.transAxes, weight="bold", fontsize=10)
    panels[0].set_ylabel("accuracy (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)
    return figure
