"""Figure 2 of Shupletsova and Stegailov 2026: which phases the classifiers of three phases take for one another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from icescope.amorphous.phases import MODELS
from icescope.figures.page import PAGE, new_figure

PHASES = MODELS["M3"]


def confusion_table(confusions: dict[str, np.ndarray], phases: Sequence[str] = PHASES) -> pd.DataFrame:
    """One row for each classifier and pair of phases.

    Parameters
    ----------
    confusions
        By name of the classifier: counts (actual phase, predicted phase), see `amorphous.classifier.confusion`.

    Returns
    -------
    Columns model, actual, predicted, molecules, share (of the actual phase), accuracy (of the classifier).
    """
    rows = []
    for model, counts in confusions.items():
        shares = counts / counts.sum(1, keepdims=True)
        for (actual, predicted), molecules in np.ndenumerate(counts):
            of = {"model": model, "actual": phases[actual], "predicted": phases[predicted], "molecules": molecules}
            rows.append(of | {"share": shares[actual, predicted], "accuracy": np.trace(counts) / counts.sum()})
    return pd.DataFrame(rows)


def draw_fig2(confusions: dict[str, np.ndarray]) -> Figure:
    """A panel a classifier: rows are actual phases, columns predicted ones, as shares of the actual phase.

    `confusions` is that of `confusion_table`, of three phases in the order of PHASES.
    """
    figure = new_figure(PAGE, 2.7)
    panels = figure.subplots(1, len(confusions), squeeze=False)[0]
    table = confusion_table(confusions)
    for letter, panel, model in zip("abcdefgh", panels, confusions, strict=False):
        rows = table[table.model == model]
        shares = rows.pivot(index="actual", columns="predicted", values="share").loc[[*PHASES], [*PHASES]].to_numpy()
        image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, origin="upper")
        for (actual, predicted), share in np.ndenumerate(shares):
            colour = "white" if share > 0.5 else "black"
            panel.text(predicted, actual, f"{share:.3f}", ha="center", va="center", color=colour)
        panel.set(xticks=range(3), xticklabels=PHASES, yticks=range(3), yticklabels=PHASES)
        panel.set(xlabel="predicted phase", title=f"{model}: accuracy {rows.accuracy.iloc[0]:.4f}")
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.text(-0.2, 1.04, letter, transform=panel.transAxes, weight="bold", fontsize=10)
    panels[0].set_ylabel("actual phase")
    figure.colorbar(image, ax=panels, label="share of the actual phase", shrink=0.8)
    return figure
