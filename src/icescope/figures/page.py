"""How figures and tables look and are written: one style, and the numbers in a CSV beside each."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from icescope.storage import whole_file

STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.origin": "lower",
    "legend.frameon": False,
    "savefig.dpi": 200,
}
COLUMN = 3.4  # inches, one column of a journal page
PAGE = 7.0  # inches, both columns

HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.4 sans-serif; margin: 2em; }} table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #bbb; padding: .4em .8em; text-align: left; vertical-align: top; }}
</style></head><body><h1>{title}</h1>
{table}
</body></html>
"""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, in the style of all our figures."""
    matplotlib.rcParams.update(STYLE)
    return Figure(figsize=(width, height), layout="constrained")


def show_image(axis: Axes, image: np.ndarray, extent: Sequence[float]) -> tuple[float, float]:
    """Draw an image (y, x), row 0 at the bottom, in greys from its 1st to its 99th percentile, which are returned.

    `extent` is left, right, bottom and top edge of the pixels.
    """
    low, high = np.percentile(image, [1, 99])
    axis.imshow(image, cmap="gray", origin="lower", extent=extent, vmin=low, vmax=high)
    return low, high


def save_figure(figure: Figure, table: pd.DataFrame, figure_path: str | Path, table_path: str | Path) -> None:
    """Write the figure (PNG) and its numbers (CSV)."""
    with whole_file(figure_path) as partial:
        figure.savefig(partial, metadata={"Software": None})
    with whole_file(table_path) as partial:
        table.to_csv(partial, float_format="%.6g")


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.4g}"


def save_table(table: pd.DataFrame, csv_path: str | Path, html_path: str | Path) -> None:
    """Write a table, whose attribute "title" heads the page, as CSV and as HTML."""
    with whole_file(csv_path) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")
    body = table.to_html(index=False, border=0, na_rep="", float_format=_number)
    with whole_file(html_path) as partial:
        partial.write_text(HTML.format(title=table.attrs["title"], table=body), encoding="utf-8")
