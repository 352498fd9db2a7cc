"""State of a run between two segments, kept in a file that is whole and of this very run, or unused."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icescope.md.engine import State
from icescope.storage import check_archive, whole_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where a run stands after `done` segments, and its record (frame interval, 6) so far (`engine.RECORD_COLUMNS`)."""

    done: int
    state: State
    record: np.ndarray


def save(path: Path, progress: Progress, run: str) -> None:
    """Write a run's progress, in double precision, with the hash of the run; the file appears whole or not at all."""
    state = {name: value for name, value in vars(progress.state).items() if value is not None}
    with whole_file(path) as partial:
        np.savez(partial, allow_pickle=False, run=run, done=progress.done, record=progress.record, **state)


def load(path: Path, run: str) -> Progress | None:
    """The progress in a file; None, with a log line where there is a file, if it is damaged or of another run."""
    if not path.is_file():
        return None
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["run"]) != run:
                log.warning("%s is of another configuration and is not used; the run starts afresh.", path)
                return None
            velocities = stored.get("velocities")
            state = State(stored["positions"], velocities, stored["cell"])
            return Progress(int(stored["done"]), state, stored["record"])
    except Exception as error:  # a damaged file has many ways to fail
        log.warning("%s is damaged (%s); the run starts afresh.", path, error)
        return None
