"""What is written of a figure or table: a picture that decodes, its numbers beside it, the same bytes every time."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from icescope.figures.page import new_figure, save_figure, save_table

TABLE = pd.DataFrame({"z_A": [0.05, 0.15], "density": [1 / 3, 2e-7]}, index=pd.Index(["O", "H"], name="species"))


def figure():
    one = new_figure(2, 1)
    axis = one.add_subplot()
    axis.plot(TABLE.z_A, TABLE.density)
    return one


def test_picture_decodes_and_is_not_constant(tmp_path):
    save_figure(figure(), TABLE, tmp_path / "deep" / "a.png", tmp_path / "a.csv")
    picture = imread(tmp_path / "deep" / "a.png")
    assert picture.shape == (200, 400, 4) and np.ptp(picture[..., :3]) > 0.5


def test_csv_beside_the_figure_gives_its_numbers(tmp_path):
    save_figure(figure(), TABLE, tmp_path / "a.png", tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv", index_col="species"), TABLE, rtol=1e-5)


def test_same_figure_gives_the_same_bytes_and_nothing_else_is_left(tmp_path):
    for name in "ab":
        save_figure(figure(), TABLE, tmp_path / f"{name}.png", tmp_path / f"{name}.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.png", "b.csv", "b.png"]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_figure_that_fails_leaves_the_old_one(tmp_path):
    save_figure(figure(), TABLE, tmp_path / "a.png", tmp_path / "a.csv")
    before = (tmp_path / "a.png").read_bytes()
    broken = figure()
    broken.axes[0].set_xlabel("$\\nonsense$")
    with pytest.raises(ValueError):
        save_figure(broken, TABLE, tmp_path / "a.png", tmp_path / "a.csv")
    assert (tmp_path / "a.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 2


class Cells(HTMLParser):
    """Text of every cell and heading of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_data(self, data):
        self.found.append(data.strip())


def test_table_is_whole_in_csv_and_in_html(tmp_path):
    long = "a sentence with <signs> & more, " * 10
    table = pd.DataFrame({"quantity": ["loss", "none"], "ours": [0.25, np.nan], "why": [long, "b"]})
    table.attrs["title"] = "Published numbers and ours"
    save_table(table, tmp_path / "a.csv", tmp_path / "a.html")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), table, check_like=True)
    cells = Cells((tmp_path / "a.html").read_text()).found
    assert {"Published numbers and ours", "quantity", "ours", "why", "loss", "0.25", long.strip()} <= set(cells)
    assert "nan" not in [cell.lower() for cell in cells]
