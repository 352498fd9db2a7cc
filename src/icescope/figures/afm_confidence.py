"""Does a confidence mean what it says: reliability and risk against coverage of predicted oxygens and hydrogens."""

import pandas as pd
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure
from icescope.learning.confidence import STAGES

# Okabe and Ito's palette: told apart under every common colour vision.
COLOURS = dict(zip(STAGES, ("0.6", "#0072B2", "#D55E00"), strict=True))
NAMES = {"O": "oxygen", "H": "hydrogen"}


def draw_confidence(table: pd.DataFrame) -> Figure:
    """A column a species: above, the share of right atoms against confidence; below, the share of wrong ones kept.

    Parameters
    ----------
    table
        From `learning.confidence.confidence_table`.
    """
    figure = new_figure(PAGE, 5.4)
    axes = figure.subplots(2, len(NAMES), sharex="row", sharey="row")
    parts = dict(tuple(table.groupby(["stage", "species"])))
    for column, (symbol, name) in enumerate(NAMES.items()):
        reliability, risk = axes[:, column]
        reliability.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1)
        for stage, colour in COLOURS.items():
            if (stage, symbol) not in parts:
                continue
            rows = parts[stage, symbol]
            label = f"{stage}: ECE {rows.ece.iloc[0]:.3f}, {int(rows.atoms.sum()):,} atoms"
            reliability.plot(rows.confidence, rows.share_right, color=colour, marker="o", markersize=3, label=label)
            # Calibration changes no order, so that the dashes of the second lie on the line of the first.
            dashes = "--" if stage == "calibrated" else "-"
            risk.plot(rows.coverage, 100 * rows.risk, dashes, color=colour, marker="o", markersize=3)
        reliability.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence")
        reliability.text(0.97, 0.04, name, ha="right", transform=reliability.transAxes)
        risk.set(xlim=(0, 1.02), xlabel="share of atoms kept, the most certain first")
        if reliability.get_legend_handles_labels()[1]:
            reliability.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=7)
    axes[0, 0].set_ylabel("share of right atoms")
    axes[1, 0].set_ylabel("wrong atoms among those kept (%)")
    axes[1, 0].set_ylim(bottom=0)
    return figure
