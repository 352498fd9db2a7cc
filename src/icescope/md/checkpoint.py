"""State of a film's run between two segments, kept in a file that is whole and of this very run, or unused."""

import hashlib
import json
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from icescope.provenance import source_hash
from icescope.storage import whole_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunState:
    """Where a run stands after `done` segments.

    Positions and velocities (water atom, 3) are OpenMM's own, in nm and nm/ps and double precision, so that a
    resumed run goes on exactly as the run would have; `record` (interval, 3) holds time (ps), temperature (K)
    and potential energy (eV).
    """

    done: int
    positions: np.ndarray
    velocities: np.ndarray
    record: np.ndarray


def run_hash(atoms: Atoms, temperature: float, md: dict, seed: int) -> str:
    """Hash of all that determines a run: structure, parameters, seed, and the code of the run with its tables."""
    parameters = json.dumps([temperature, md, seed, source_hash(Path(__file__).with_name("film_run.py"))])
    digest = hashlib.sha256(parameters.encode())
    for array in (atoms.numbers, atoms.positions, atoms.cell.array):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save(path: Path, state: RunState, run: str) -> None:
    """Write a state with the hash of its run; the file appears whole or not at all."""
    with whole_file(path) as partial:
        np.savez(partial, run=run, **vars(state))


def load(path: Path, run: str) -> RunState | None:
    """The state in a file; None, with a log line where there is a file, if it is damaged or of another run."""
    if not path.is_file():
        return None
    try:
        with np.load(path) as stored:
            if str(stored["run"]) != run:
                log.warning("%s is of another configuration and is not used; the run starts afresh.", path)
                return None
            arrays = {name: stored[name] for name in ("positions", "velocities", "record")}
            return RunState(done=int(stored["done"]), **arrays)
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, EOFError) as error:
        log.warning("%s is damaged (%s); the run starts afresh.", path, error)
        return None
