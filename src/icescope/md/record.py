"""Run records: what a run's thermostat and barostat were set to, and what temperature, pressure and density became."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS

SETTINGS = ("stage", "set_temperature_K", "set_pressure_GPa")  # columns of a record beside RECORD_COLUMNS


class StageSpan(NamedTuple):
    """A stage in a record: its rows, end times (ps), and the rates it was ramped at (K/ns, GPa/ns), 0 for none."""

    name: str
    rows: slice
    start: float
    end: float
    temperature_rate: float
    pressure_rate: float

    @property
    def rate(self) -> str:
        """The rates as figures print them, such as "-100 K/ns"; empty at constant conditions."""
        rates = ((self.temperature_rate, "K/ns"), (self.pressure_rate, "GPa/ns"))
        return ", ".join(f"{value:+.3g} {unit}" for value, unit in rates if value)


def run_record(rows: np.ndarray, stages: list[tuple[str, float, float]]) -> pd.DataFrame:
    """Record of a run as a table.

    Parameters
    ----------
    rows
        Columns RECORD_COLUMNS (row, 6).
    stages
        For each row the stage's name, its set temperature (K) and its set pressure (GPa, nan at constant volume).
    """
    record = pd.DataFrame(rows, columns=list(RECORD_COLUMNS))
    settings = pd.DataFrame(stages, columns=list(SETTINGS))
    return pd.concat([record.iloc[:, :1], settings, record.iloc[:, 1:]], axis=1)


def read_record(path: str | Path) -> pd.DataFrame:
    """Read a record that a run wrote.

    Raises
    ------
    InputError
        The file is missing or is no record.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; run the rule that makes it, or check the name.")
    try:
        record = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} could not be read as a run's record: {error}") from error
    missing = sorted({*RECORD_COLUMNS, *SETTINGS} - set(record.columns))
    if missing or not len(record):
        raise InputError(f"{path} is no run's record: it has no {', '.join(missing) or 'rows'}.")
    for column in (*RECORD_COLUMNS, *SETTINGS[1:]):
        if not pd.api.types.is_numeric_dtype(record[column]):
            raise InputError(f"{path} has text in its column {column}; run again, or correct it.")
    if not np.isfinite(record.time_ps).all():
        raise InputError(f"{path} has times that are not finite numbers; run again, or correct it.")
    return record


def stage_spans(record: pd.DataFrame) -> list[StageSpan]:
    """Stages of a record in order, each with its rates, from the slope of what was set.

    Ramps of one name that follow each other at different rates are spans of their own.
    """
    time = record.time_ps.to_numpy()
    change = [record[name].to_numpy() for name in SETTINGS]
    begins = np.concatenate([[True], change[0][1:] != change[0][:-1]])
    for value in change[1:]:
        slope = np.diff(np.nan_to_num(value)) / np.diff(time)
        bends = np.concatenate([[False, False], ~np.isclose(slope[1:], slope[:-1], rtol=1e-3, atol=1e-9)])
        begins[1:] |= bends[1:] & ~begins[1:] & ~begins[:-1]  # the first slope of a stage counts from the one before
    starts = [*np.flatnonzero(begins).tolist(), len(record)]
    spans = []
    for first, last in pairwise(starts):
        rows = slice(first, last)
        rates = [_rate(time[rows], set_value[rows]) for set_value in change[1:]]
        begin = time[first - 1] if first else 0.0
        spans.append(StageSpan(str(change[0][first]), rows, float(begin), float(time[last - 1]), *rates))
    return spans


def stage_mean(record: pd.DataFrame, stage: str, column: str) -> float:
    """Mean of a column over the rows of a stage.

    Raises
    ------
    InputError
        The record has no such stage.
    """
    rows = record[record.stage == stage]
    if not len(rows):
        known = ", ".join(dict.fromkeys(record.stage))
        raise InputError(f"The record has no stage {stage!r}; it has {known}.")
    return float(rows[column].mean())


def _rate(time: np.ndarray, value: np.ndarray) -> float:
    """Slope per ns of a set value over time (ps), 0 where it is constant, absent or has a single row."""
    if len(time) < 2 or not np.isfinite(value).all() or np.ptp(value) < 1e-9:
        return 0.0
    return float(1000 * (value[-1] - value[0]) / (time[-1] - time[0]))
