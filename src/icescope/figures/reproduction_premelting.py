"""Rows of the reproduction table for Tang et al. 2025."""

import numpy as np
import pandas as pd

from icescope.figures.published import published_numbers
from icescope.premelting.layers import DIRECTIONS


def premelting_reproduction(bounds: pd.DataFrame, settings: dict, scale: str) -> pd.DataFrame:
    """One row for each bound of the amorphous ice layer, as in `reproduction.reproduction_table`.

    Parameters
    ----------
    bounds
        From `premelting.states.amorphous_bounds`, with its indices as columns; `ours` is that on heating, missing where
        none was met.
    settings
        The configuration's block `premelting`.
    scale
        Name of the run.
    """
    kelvin = bounds.set_index(["direction", "bound"]).temperature_K
    lowest, highest = min(settings["temperatures"]), max(settings["temperatures"])
    ours, why = {}, {}
    for bound in kelvin.index.unique("bound"):
        quantity = f"{bound} bound of the amorphous ice layer"
        up, down = (_in_words(kelvin[direction, bound], lowest, highest) for direction in DIRECTIONS)
        ours[quantity] = kelvin[DIRECTIONS[0], bound]
        why[quantity] = (
            f"On heating {up}, on cooling {down}, with {settings['hold']:g} ps at each temperature; "
            "the paper's criteria and times are not public."
        )
    published = published_numbers()
    table = published[published.quantity.isin(ours)].copy()
    values = table.quantity.map(ours)
    table.insert(3, "ours", values.where(np.isfinite(values)))
    return table.assign(test=np.nan, why_they_differ=table.quantity.map(why), scale=scale)


def _in_words(kelvin: float, lowest: float, highest: float) -> str:
    if np.isfinite(kelvin):
        return f"{kelvin:.0f} K"
    return f"below {lowest:g} K" if kelvin < 0 else f"not up to {highest:g} K"
