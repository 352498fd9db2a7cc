"""The numbers that the papers print."""

from importlib.resources import files

import pandas as pd


def published_numbers() -> pd.DataFrame:
    """Columns row (of the mission), quantity, published, unit and source."""
    return pd.read_csv(str(files("icescope.figures") / "published.csv"))
