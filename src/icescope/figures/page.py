"""How figures and tables look and are written: one style, and the numbers in a CSV beside each."""

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from icescope.storage import whole_file

STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.cmap": "gray",
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
