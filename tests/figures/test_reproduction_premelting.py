"""Published bounds of the amorphous ice layer beside ours."""

import numpy as np
import pandas as pd

from icescope.figures.reproduction_premelting import premelting_reproduction

SETTINGS = {"temperatures": [120, 260, 200], "hold": 30.0}
BOUNDS = pd.DataFrame(
    [
        ("heating", "lower", 231.4, 220.0, 240.0),
        ("heating", "upper", np.inf, 255.0, np.inf),
        ("cooling", "lower", -np.inf, -np.inf, 130.0),
        ("cooling", "upper", 190.0, 180.0, 200.0),
    ],
    columns=["direction", "bound", "temperature_K", "low", "high"],
)


def test_bounds_on_heating_stand_beside_the_published_ones_and_the_reason_has_those_on_cooling():
    table = premelting_reproduction(BOUNDS, SETTINGS, "demo").set_index("quantity")
    assert len(table) == 2
    lower, upper = (table.loc[f"{bound} bound of the amorphous ice layer"] for bound in ("lower", "upper"))
    assert (lower.published, lower.ours) == (121, 231.4)
    assert upper.published == 180 and np.isnan(upper.ours)
    assert lower.why_they_differ.startswith("On heating 231 K, on cooling below 120 K, with 30 ps at each temperature")
    assert upper.why_they_differ.startswith("On heating not up to 260 K, on cooling 190 K")
    assert set(table.scale) == {"demo"}
