"""Run the stages of a protocol with any engine; resumable at any moment."""

import hashlib
import inspect
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from icescope.md.checkpoint import Progress, load, save
from icescope.md.engine import RECORD_COLUMNS, Engine, State
from icescope.md.model import Model
from icescope.md.record import run_record
from icescope.md.stage import Segment, Stage, segments
from icescope.md.topology import fixed_atoms
from icescope.md.trajectory import write_frames, write_topology
from icescope.progress import track
from icescope.provenance import derive_seed, source_hash
from icescope.storage import whole_file

CHECKPOINT = "checkpoint.npz"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """A run that is done.

    `atoms` are the structure at its end, whole molecules, with the cell of that moment; `record` has a row for each
    frame interval: the stage's name, what the thermostat and the barostat were set to, and RECORD_COLUMNS; `pieces`
    are the XTC files of the stages with frames, in order.
    """

    atoms: Atoms
    record: pd.DataFrame
    pieces: list[Path]


def run(
    atoms: Atoms,
    stages: list[Stage],
    model: Model,
    engine: Engine,
    seed: int,
    folder: str | Path,
    frame_interval: float,
    checkpoint_interval: float,
    minimise: bool = True,
) -> Finished:
    """Minimise a structure, if asked to, and run the stages, one after another.

    The stages are cut into segments of at most `checkpoint_interval`. After each, its frames, the state in double
    precision and the record are stored, and the next one starts from the stored state with a seed of its own. So
    after a kill the same call goes on at the last checkpoint, and its result is that of an unbroken run: the same
    ramp without gap or duplicate frame, bit for bit on one CPU thread. A checkpoint of other arguments, or of other
    code of the run and its engine, is not used. The files stay in `folder` until the caller, with all its own
    outputs whole, calls `remove_checkpoints`.

    Parameters
    ----------
    atoms
        Structure as `engine.py` describes it.
    seed
        Of all that is random in the run.
    folder
        For the checkpoint and the pieces of the trajectory; of this run alone.
    frame_interval
        Between frames of the trajectory and rows of the record, ps; a whole multiple of the model's time step, as
        the stages' durations and `checkpoint_interval` are of it.
    checkpoint_interval
        What a kill costs at most, ps.

    Raises
    ------
    InputError
        Arguments that do not fit together, an engine that cannot do what is asked, or a run that blows up.
    """
    plan = segments(stages, model.timestep, frame_interval, checkpoint_interval)
    key = run_hash(atoms, stages, model, engine, seed, frame_interval, checkpoint_interval, minimise)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / CHECKPOINT
    pieces = {index: folder / f"segment-{index:05d}.xtc" for index, part in enumerate(plan) if part.stage.frames}
    progress = load(checkpoint, key)
    if progress and not all(path.is_file() for index, path in pieces.items() if index < progress.done):
        log.warning("%s has lost segments of the trajectory; the run starts afresh.", folder)
        progress = None
    if progress:
        log.info("resumes after segment %d of %d from %s", progress.done, len(plan), checkpoint)
    else:
        state = State(atoms.positions.copy(), None, atoms.cell.array.copy())
        state = engine.minimise(atoms, model, state) if minimise else state
        progress = Progress(0, state, np.empty((0, len(RECORD_COLUMNS))))
    todo = range(progress.done, len(plan))
    for index in track(todo, f"{atoms.get_chemical_formula()}, {engine.name}", total=len(plan), start=progress.done):
        segment, own_seed = plan[index], derive_seed(seed, "segment", index)
        sampled = engine.run(atoms, model, segment.stage, progress.state, own_seed, frame_interval)
        rows = sampled.record.copy()
        rows[:, RECORD_COLUMNS.index("time_ps")] += segment.start
        if index in pieces:
            times = rows[:, RECORD_COLUMNS.index("time_ps")]
            write_frames(atoms, sampled.positions, sampled.cells, times, pieces[index])
        progress = Progress(index + 1, sampled.state, np.concatenate([progress.record, rows]))
        save(checkpoint, progress, key)
    end = atoms.copy()
    end.set_cell(progress.state.cell)
    end.set_positions(progress.state.positions, apply_constraint=False)
    return Finished(end, _record(plan, progress.record), list(pieces.values()))


def run_hash(
    atoms: Atoms,
    stages: list[Stage],
    model: Model,
    engine: Engine,
    seed: int,
    frame_interval: float,
    checkpoint_interval: float,
    minimise: bool,
) -> str:
    """Hash of all that determines a run: structure, arguments of `run`, and the code of run and engine."""
    sources = [source_hash(__file__), source_hash(inspect.getfile(type(engine)))]
    arguments = [[asdict(stage) for stage in stages], asdict(model), engine.name, seed]
    digest = hashlib.sha256(json.dumps([*arguments, frame_interval, checkpoint_interval, minimise, *sources]).encode())
    for array in (atoms.numbers, atoms.positions, atoms.cell.array, fixed_atoms(atoms)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write_outputs(
    start: Atoms, finished: Finished, trajectory: str | Path, topology: str | Path, record: str | Path
) -> None:
    """Write a finished run as XTC, PDB (of its start) and CSV; each file appears whole or not at all."""
    write_topology(start, topology)
    with whole_file(record) as partial:
        finished.record.to_csv(partial, index=False, float_format="%.7g")
    with whole_file(trajectory) as partial, open(partial, "wb") as whole:
        for path in finished.pieces:  # an XTC file is its frames, one after another
            whole.write(path.read_bytes())


def remove_checkpoints(folder: str | Path) -> None:
    """Remove the files that `run` keeps, the checkpoint first, and their folder if nothing else is in it."""
    folder = Path(folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    for pattern in ("segment-*.xtc", ".segment-*.partial*", f".{CHECKPOINT}.partial*"):
        for path in folder.glob(pattern):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _record(plan: list[Segment], rows: np.ndarray) -> pd.DataFrame:
    """Rows (frame interval, 6) as a table, with the stage and its set temperature and pressure."""
    settings = []
    for segment in plan:
        for time in segment.times:
            kelvin, pressure = segment.stage.at(time)
            settings.append((segment.stage.name, kelvin, np.nan if pressure is None else pressure))
    return run_record(rows, settings)
