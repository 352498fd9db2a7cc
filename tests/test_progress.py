"""Progress: all items in order, a line in the log only now and then, counts that include what was done before."""

import io
import logging
from types import SimpleNamespace

import pytest

from icescope import progress
from icescope.progress import track


@pytest.fixture
def lines(monkeypatch, caplog):
    """Runs `track` over a number of items that take `seconds` each, by a made-up clock; gives the lines logged."""

    def run(items, seconds, **arguments):
        now = 0.0
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
        monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 10.0)
        with caplog.at_level(logging.INFO, progress.log.name):
            for _ in track(range(items), "films", **arguments):
                now += seconds
        return [record.getMessage() for record in caplog.records]

    return run


@pytest.mark.parametrize("start", [0, 3])
def test_all_items_come_in_order(start):
    assert list(track("abc", "letters", total=3 + start, start=start)) == ["a", "b", "c"]
    assert list(track(iter(()), "nothing", total=start, start=start)) == []


@pytest.mark.parametrize("total, start", [(3, 0), (6, 3), (None, 0)])
def test_all_items_come_in_order_under_a_bar(monkeypatch, total, start):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert list(track(iter("abc"), "letters", total, start)) == ["a", "b", "c"]
    assert "letters" in terminal.getvalue()


def test_items_are_taken_one_by_one():
    taken = []
    items = track((taken.append(i) or i for i in range(5)), "items", total=5)
    assert next(items) == 0 and taken == [0]


def test_a_line_comes_only_after_the_interval_and_at_the_end(lines):
    assert lines(5, 4.0, total=5) == ["films: 3 of 5, about 8 s left", "films: 5 of 5, about 0 s left"]


def test_short_work_says_nothing(lines):
    assert lines(100, 0.09, total=100) == []


def test_an_unknown_total_is_left_out(lines):
    assert lines(6, 4.0, total=None) == ["films: 3", "films: 6"]


def test_counts_go_on_from_where_an_earlier_run_stopped(lines):
    """The time left is judged by this run's own items, not by those found done."""
    assert lines(5, 4.0, total=12, start=7) == ["films: 10 of 12, about 8 s left", "films: 12 of 12, about 0 s left"]
