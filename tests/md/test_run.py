"""Any protocol survives a kill at any moment: no gap, no duplicate frame, the same ramp, bit for bit."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
from ase.constraints import FixAtoms

from icescope.errors import InputError
from icescope.md import openmm_engine
from icescope.md import run as run_module
from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.protocol import compress, equilibrate, quench
from icescope.md.run import remove_checkpoints, run, run_hash, write_outputs
from icescope.provenance import PACKAGE
from icescope.structures.ice import ice_ih

MODEL = Model(lj_cutoff=6.0, coulomb_cutoff=6.0)
STAGES = equilibrate(100, 1e-4, 0.1) + compress(0, 1, 5000, 100) + quench(100, 80, 100_000, 1.0)
FRAME, CHECKPOINT = 0.02, 0.06
FRAMES = 20  # 0.2 ps each of compression and quench
ARGUMENTS = {"stages": STAGES, "seed": 11, "frame_interval": FRAME, "checkpoint_interval": CHECKPOINT}
SEGMENTS = 2 + 4 + 4


@pytest.fixture(scope="module")
def crystal():
    return ice_ih([2, 2, 2], seed=3)


def finish(crystal, folder, **changes):
    """Run in a folder; trajectory, topology and record as bytes."""
    paths = [folder / name for name in ("run.xtc", "run.pdb", "run.csv")]
    result = run(crystal, model=MODEL, engine=engine("openmm"), folder=folder / "kept", **(ARGUMENTS | changes))
    write_outputs(crystal, result, *paths)
    return [path.read_bytes() for path in paths]


@pytest.fixture(scope="module")
def unbroken(crystal, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    finish(crystal, folder)
    return folder


def assert_same(outputs, unbroken):
    assert outputs == [(unbroken / name).read_bytes() for name in ("run.xtc", "run.pdb", "run.csv")]


def test_frames_and_record_follow_the_ramp(unbroken):
    universe = mda.Universe(unbroken / "run.pdb", unbroken / "run.xtc")
    frames = [(frame.time, frame.volume) for frame in universe.trajectory]
    times, volumes = map(np.array, zip(*frames, strict=True))
    np.testing.assert_allclose(times, 0.1 + FRAME * np.arange(1, FRAMES + 1), rtol=1e-5)
    record = pd.read_csv(unbroken / "run.csv")
    np.testing.assert_allclose(record.time_ps, FRAME * np.arange(1, 26), rtol=1e-6)
    assert list(record.stage) == ["equilibration"] * 5 + ["compression"] * 10 + ["quench"] * 10
    ramp = record[record.stage == "compression"]
    np.testing.assert_allclose(ramp.set_pressure_GPa, 0.1 * np.arange(1, 11), rtol=1e-6)
    quenched = record[record.stage == "quench"]
    np.testing.assert_allclose(quenched.set_temperature_K, 100 - 2 * np.arange(1, 11), rtol=1e-6)
    masses = record.density_g_per_cm3[5:].to_numpy() * volumes  # the cells of the frames are those of the record
    np.testing.assert_allclose(masses, masses[0], rtol=1e-4)
    assert volumes[9] < volumes[0]
    assert record.notna().all(axis=None)


def test_molecules_stay_whole_and_rigid_in_the_trajectory(unbroken):
    universe = mda.Universe(unbroken / "run.pdb", unbroken / "run.xtc")
    for frame in universe.trajectory:
        molecules = frame.positions.reshape(-1, 3, 3)
        bonds = np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1)
        np.testing.assert_allclose(bonds, 0.9572, atol=3e-3)
        oxygens = molecules[:, 0]
        assert (oxygens > -1e-3).all() and (oxygens < frame.dimensions[:3] + 1e-3).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_run_killed_at_random_moments_again_and_again_ends_as_the_unbroken_one(
    crystal, unbroken, tmp_path, monkeypatch, seed
):
    rng = np.random.default_rng(seed)
    advance, left = openmm_engine._advance, [0]

    def dies(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        advance(*arguments)

    monkeypatch.setattr(openmm_engine, "_advance", dies)
    deaths = 0
    while True:
        left[0] = rng.integers(5, 90)  # stretches of the run; a segment has up to 30
        try:
            outputs = finish(crystal, tmp_path)
        except KeyboardInterrupt:
            deaths += 1
        else:
            break
    assert deaths >= 2
    assert_same(outputs, unbroken)


@pytest.mark.parametrize("where", ["write_frames", "save", "write_topology"])
def test_a_run_that_dies_while_it_writes_ends_as_the_unbroken_one(crystal, unbroken, tmp_path, monkeypatch, where):
    """Dies before and then after the third call (or the only one) of each writing function."""
    real, calls = getattr(run_module, where), []
    last = 1 if where == "write_topology" else 3

    def dies(*arguments):
        calls.append(where)
        if len(calls) == last:
            raise KeyboardInterrupt
        real(*arguments)
        if len(calls) == last + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_module, where, dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            finish(crystal, tmp_path)
    monkeypatch.undo()
    assert_same(finish(crystal, tmp_path), unbroken)


def test_a_killed_process_loses_at_most_one_segment(crystal, unbroken, tmp_path, caplog):
    script = tmp_path / "run.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_run import finish, ice_ih\n"
        f"finish(ice_ih([2, 2, 2], seed=3), Path({str(tmp_path)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, script], env=os.environ | {"OMP_NUM_THREADS": "1"})
    limit = time.monotonic() + 60
    while not (tmp_path / "kept" / "segment-00004.xtc").is_file():
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run.xtc").exists()
    with caplog.at_level(logging.INFO):
        outputs = finish(crystal, tmp_path)
    assert any(f"resumes after segment {done} of {SEGMENTS}" in caplog.text for done in range(4, SEGMENTS))
    assert_same(outputs, unbroken)


def test_a_finished_run_assembles_its_outputs_again_without_the_engine(crystal, unbroken, tmp_path, monkeypatch):
    finish(crystal, tmp_path)
    monkeypatch.setattr(openmm_engine, "molecular_system", None)
    assert_same(finish(crystal, tmp_path), unbroken)


def test_another_seed_gives_another_trajectory(crystal, unbroken, tmp_path):
    assert finish(crystal, tmp_path, seed=12)[0] != (unbroken / "run.xtc").read_bytes()


def stop_early(crystal, folder, monkeypatch):
    """Leave a checkpoint in the middle of a run; its path."""
    real = run_module.save

    def save_and_stop(path, progress, key):
        real(path, progress, key)
        if progress.done == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        finish(crystal, folder)
    monkeypatch.undo()
    return folder / "kept" / "checkpoint.npz"


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_damaged_checkpoint_is_reported_and_the_run_starts_afresh(
    crystal, unbroken, tmp_path, monkeypatch, caplog, kept
):
    checkpoint = stop_early(crystal, tmp_path, monkeypatch)
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    assert_same(finish(crystal, tmp_path), unbroken)
    assert "is damaged" in caplog.text


def test_a_lost_segment_is_reported_and_the_run_starts_afresh(crystal, unbroken, tmp_path, monkeypatch, caplog):
    checkpoint = stop_early(crystal, tmp_path, monkeypatch)
    next(checkpoint.parent.glob("segment-*.xtc")).unlink()
    assert_same(finish(crystal, tmp_path), unbroken)
    assert "has lost segments" in caplog.text


def test_a_checkpoint_of_another_configuration_is_not_used(crystal, tmp_path, monkeypatch, caplog):
    stop_early(crystal, tmp_path, monkeypatch)
    finish(crystal, tmp_path, stages=equilibrate(100, 1e-4, 0.1))
    assert "of another configuration" in caplog.text
    assert len(pd.read_csv(tmp_path / "run.csv")) == 5


def test_the_hash_of_a_run_covers_all_that_determines_it(crystal, monkeypatch):
    arguments = [crystal, STAGES, MODEL, engine("openmm"), 11, FRAME, CHECKPOINT, True]
    fixed, moved = crystal.copy(), crystal.copy()
    fixed.set_constraint(FixAtoms([0, 1, 2]))
    moved.positions[0, 0] += 1e-9
    changes = [(0, fixed), (0, moved), (1, STAGES[:2]), (2, Model()), (4, 12), (5, 0.01), (6, 0.1), (7, False)]
    hashes = {run_hash(*arguments)}
    for index, value in changes:
        hashes.add(run_hash(*arguments[:index], value, *arguments[index + 1 :]))
    read_bytes = Path.read_bytes
    for edited in ("md/force_fields/tip4p_ice.csv", "md/openmm_system.py", "md/run.py"):
        monkeypatch.setattr(
            Path,
            "read_bytes",
            lambda path, table=PACKAGE / edited: read_bytes(path) + (b"# edit" if path == table else b""),
        )
        hashes.add(run_hash(*arguments))
    assert len(hashes) == 1 + len(changes) + 3


def test_removing_checkpoints_leaves_other_files(crystal, tmp_path):
    finish(crystal, tmp_path, stages=equilibrate(100, 1e-4, 0.02) + quench(100, 98, 100_000))
    kept = tmp_path / "kept"
    (kept / ".segment-00002.xtc.partial.xtc").write_bytes(b"of a killed run")
    (kept / "mine.txt").write_text("mine")
    remove_checkpoints(kept)
    assert [path.name for path in kept.iterdir()] == ["mine.txt"]
    (kept / "mine.txt").unlink()
    remove_checkpoints(kept)
    assert not kept.exists()
    remove_checkpoints(kept)


def test_an_engine_that_is_not_there_is_named_in_one_sentence():
    with pytest.raises(InputError, match="no engine 'namd'; take one of openmm, lammps, gromacs"):
        engine("namd")
