"""How amorphous ices are prepared: what the stages are, and that a short run of each goes through them."""

import ase.io
import numpy as np
import pytest

from icescope.amorphous.frames import last_frame, settings_at
from icescope.amorphous.ices import (
    compression_md,
    compression_stages,
    prepare,
    run_ice,
    state_points,
)
from icescope.errors import InputError
from icescope.md.run import write_outputs

MD = {
    "engine": "openmm",
    "compression_engine": "openmm",
    "repeats": [2, 2, 2],
    "cutoff": 6.0,
    "timestep": 2.0,
    "frame_interval": 0.05,
    "checkpoint_interval": 0.1,
}
PROTOCOL = {
    "melt": 0.1,
    "cooling_rate": 150_000.0,
    "compression_rate": 20_000.0,
    "compression_peak": 2.0,
    "displacements": 1,
    "annealing": 0.05,
}
STATES = state_points([40.0, 20.0], [0.0, 0.1], settle=0.05, sampling=0.1)


def test_every_state_is_settled_and_then_sampled_once():
    assert [(one.temperature[0], one.pressure[0], one.frames) for one in STATES] == [
        (kelvin, pressure, frames) for pressure in (0.0, 0.1) for kelvin in (20.0, 40.0) for frames in (False, True)
    ]


@pytest.mark.parametrize("phase", ["LDA", "HDA", "MDA"])
def test_a_trajectory_holds_the_sampled_states_alone(phase, tmp_path):
    start, finished = prepare(phase, MD, PROTOCOL, STATES, seed=1, folder=tmp_path / "run")
    paths = [tmp_path / name for name in ("trajectory.xtc", "topology.pdb", "record.csv")]
    write_outputs(start, finished, *paths)
    rows = finished.record[finished.record.stage.str.contains("GPa")]
    assert len(rows) == 8
    assert sorted(set(zip(rows.set_temperature_K, rows.set_pressure_GPa, strict=True))) == [
        (20.0, 0.0), (20.0, 0.1), (40.0, 0.0), (40.0, 0.1)
    ]  # fmt: skip
    found = settings_at(paths[2], rows.time_ps.to_numpy())
    assert found.stage.tolist() == rows.stage.tolist()
    last = last_frame(paths[0], paths[1])
    assert last.info["time"] == pytest.approx(finished.record.time_ps.iloc[-1], abs=1e-3)
    arms = last.positions.reshape(-1, 3, 3)
    assert np.linalg.norm(arms[:, 1] - arms[:, 0], axis=1) == pytest.approx(0.9572, abs=0.03)  # XTC keeps 0.01 A
    with pytest.raises(InputError, match="no row"):
        settings_at(paths[2], np.array([0.033]))


def test_hda_is_unloaded_to_the_pressure_of_its_first_state(tmp_path):
    _, finished = prepare("HDA", MD, PROTOCOL, state_points([77.0], [0.5], 0.05, 0.05), 1, tmp_path)
    record = finished.record
    assert record.set_pressure_GPa.max() == pytest.approx(2.0)
    down = record[record.stage == "decompression"]
    assert down.set_pressure_GPa.iloc[-1] == pytest.approx(0.5)


def test_compression_starts_at_an_ice_from_a_file(tmp_path):
    _, finished = prepare("MDA", MD, PROTOCOL, state_points([77.0], [0.0], 0.05, 0.05), 1, tmp_path / "a")
    finished.atoms.write(tmp_path / "end.extxyz")
    atoms = ase.io.read(tmp_path / "end.extxyz")
    pressed = run_ice(atoms, compression_stages(peak=1.0, rate=10_000.0, settle=0.05), MD, 1, tmp_path / "b")
    assert pressed.record.set_pressure_GPa.iloc[-1] == pytest.approx(1.0)
    assert pressed.atoms.cell.volume < atoms.cell.volume


@pytest.mark.parametrize("rate", [0.1, 2.0, 20.0, 1e4])
def test_a_slow_compression_has_as_many_frames_as_a_fast_one(rate):
    md = compression_md(MD | {"frame_interval": 0.5, "checkpoint_interval": 25.0}, 1.5, rate)
    assert md["frame_interval"] % 0.5 == 0 and md["checkpoint_interval"] % md["frame_interval"] == 0
    frames = 1500 / rate / md["frame_interval"]
    assert frames == pytest.approx(200, rel=0.3) or md["frame_interval"] == 0.5


def test_an_unknown_ice_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no amorphous ice 'XDA'"):
        prepare("XDA", MD, PROTOCOL, STATES, 1, tmp_path)
