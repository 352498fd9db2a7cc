"""The film protocol: what it writes, that it is exact, and that it survives a kill."""

import csv
import logging
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import MDAnalysis as mda
import numpy as np
import pytest

from icescope.errors import InputError
from icescope.md import profile
from icescope.md.film_run import run_film
from icescope.md.profile import density_profile
from icescope.md.topology import single_atoms, water_molecules
from icescope.md.trajectory import open_film, wrap_molecules
from icescope.structures.film import water_film

MD = {
    "engine": "openmm",
    "timestep": 2.0,
    "friction": 1.0,
    "cutoff": 9.0,
    "melt_temperature": 350.0,
    "melt": 0.1,
    "equilibration": 0.1,
    "production": 0.3,
    "frame_interval": 0.02,
    "checkpoint_interval": 0.1,
}
FRAMES, INTERVALS = 15, 25


@pytest.fixture(scope="module")
def film():
    return water_film("Au", [7, 4], layers=2, coverage=10, vapour=20.0, seed=2)


def run(film, folder, seed=11, md=MD):
    """Run a film in a folder; positions (frame, atom, 3), times (frame,), record rows."""
    outputs = [folder / name for name in ("film.xtc", "film.pdb", "film.csv")]
    run_film(film, 240.0, md, seed, folder / "checkpoints", *outputs, threads=1)
    return read(folder)


def read(folder):
    universe = mda.Universe(folder / "film.pdb", folder / "film.xtc")
    frames = [(frame.positions.copy(), frame.time) for frame in universe.trajectory]
    with open(folder / "film.csv", encoding="utf-8") as file:
        record = list(csv.DictReader(file))
    positions, times = zip(*frames, strict=True)
    return np.array(positions), np.array(times), record


@pytest.fixture(scope="module")
def unbroken(film, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, *run(film, folder)


def assert_same(result, unbroken):
    for one, other in zip(result, unbroken[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_have_the_times_of_the_production(unbroken):
    _, positions, times, _ = unbroken
    assert len(positions) == FRAMES
    np.testing.assert_allclose(times, 0.2 + 0.02 * np.arange(1, FRAMES + 1), rtol=1e-5)


def test_record_has_every_interval_of_every_stage(unbroken):
    record = unbroken[3]
    np.testing.assert_allclose([float(row["time_ps"]) for row in record], 0.02 * np.arange(1, INTERVALS + 1))
    stages = [row["stage"] for row in record]
    assert stages == ["melt"] * 5 + ["equilibration"] * 5 + ["production"] * FRAMES
    assert all(100 < float(row["temperature_K"]) < 500 for row in record)
    assert all(float(row["potential_energy_eV"]) < 0 for row in record)


def test_metal_does_not_move(film, unbroken):
    metal = single_atoms(film.get_chemical_symbols())
    np.testing.assert_allclose(unbroken[1][:, metal], np.tile(film.positions[metal], (FRAMES, 1, 1)), atol=1e-3)


def test_water_moves_and_stays_rigid_and_whole(film, unbroken):
    water = water_molecules(film.get_chemical_symbols()).ravel()
    molecules = unbroken[1][:, water].reshape(FRAMES, -1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(molecules[:, :, 1:] - molecules[:, :, :1], axis=-1), 1.0, atol=3e-3)
    hydrogens = np.linalg.norm(molecules[:, :, 2] - molecules[:, :, 1], axis=-1)
    np.testing.assert_allclose(hydrogens, 1.63298, atol=3e-3)
    assert np.abs(molecules[-1] - molecules[0]).max() > 0.1


def test_oxygens_are_in_the_cell(film, unbroken):
    water, metal = water_molecules(film.get_chemical_symbols()).ravel(), single_atoms(film.get_chemical_symbols())
    oxygens = unbroken[1][:, water[::3]]
    low = np.array([0, 0, film.positions[metal, 2].min()])
    assert (oxygens >= low - 1e-3).all() and (oxygens <= low + film.cell.lengths() + 1e-3).all()


def test_topology_tells_elements_residues_and_cell(film, unbroken):
    universe = open_film(unbroken[0] / "film.pdb", unbroken[0] / "film.xtc")
    assert [e.capitalize() for e in universe.atoms.elements] == film.get_chemical_symbols()
    assert set(universe.atoms.resnames) == {"AU", "SOL"}
    assert len(universe.select_atoms("resname SOL").residues) == film.get_chemical_symbols().count("O")
    np.testing.assert_allclose(universe.dimensions[:3], film.cell.lengths(), atol=2e-3)


def test_the_script_keeps_the_checkpoints_until_the_profile_is_written(tmp_path, monkeypatch):
    script = Path(__file__).parents[2] / "workflow" / "scripts" / "film_trajectory.py"
    names = {"trajectory": "film.xtc", "topology": "film.pdb", "record": "film.csv", "profile": "profile.csv"}
    films = {"metal": "Au", "repeats": [7, 4], "layers": 1, "vapour": 20.0}
    params = {"films": films, "md": MD | {"production": 0.1}, "temperature": 240.0, "coverage": 5, "seed": 1}
    snakemake = SimpleNamespace(
        log=[str(tmp_path / "log")],
        resources={},
        params=SimpleNamespace(**params, checkpoints=str(tmp_path / "checkpoints")),
        output=SimpleNamespace(**{key: str(tmp_path / name) for key, name in names.items()}),
        threads=1,
    )

    monkeypatch.setattr(logging.root, "handlers", [])  # the script sets its own

    def fails(*_):
        raise OSError("a read error")

    with monkeypatch.context() as patch:
        patch.setattr(profile, "density_profile", fails)
        with pytest.raises(OSError, match="a read error"):  # and not: could not be written
            runpy.run_path(str(script), {"snakemake": snakemake})
    assert (tmp_path / "checkpoints" / "checkpoint.npz").is_file()
    runpy.run_path(str(script), {"snakemake": snakemake})
    assert all((tmp_path / name).is_file() for name in names.values())
    assert not (tmp_path / "checkpoints").exists()


def test_same_seed_gives_the_same_trajectory_and_another_does_not(film, unbroken, tmp_path):
    (tmp_path / "same").mkdir()
    (tmp_path / "other").mkdir()
    assert_same(run(film, tmp_path / "same"), unbroken)
    assert not np.allclose(run(film, tmp_path / "other", seed=12)[0], unbroken[1], atol=0.01)


def test_a_killed_process_resumes_without_gap_or_duplicate(film, unbroken, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import sys; from pathlib import Path; from icescope.md.film_run import run_film\n"
        "from icescope.structures.film import water_film\n"
        "film = water_film('Au', [7, 4], layers=2, coverage=10, vapour=20.0, seed=2)\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "outputs = [folder / name for name in ('film.xtc', 'film.pdb', 'film.csv')]\n"
        f"run_film(film, 240.0, {MD!r}, 11, folder / 'checkpoints', *outputs, threads=1)\n"
    )
    process = subprocess.Popen([sys.executable, script], env=os.environ | {"OMP_NUM_THREADS": "1"})
    limit = time.monotonic() + 60
    while not (tmp_path / "checkpoints" / "segment-00003.xtc").is_file():
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "film.xtc").exists()
    assert_same(run(film, tmp_path), unbroken)


def test_a_run_that_blows_up_says_so(film, tmp_path):
    with pytest.raises(InputError, match=r"not a number at .* lower md\.timestep"):
        run(film[film.numbers != 79], tmp_path, md=MD | {"timestep": 20.0})


def test_wrapping_moves_whole_molecules_only(film):
    rng = np.random.default_rng(0)
    water = water_molecules(film.get_chemical_symbols()).ravel()
    moved = film.positions.copy()
    shifts = rng.integers(-2, 3, (len(water) // 3, 3)) * film.cell.lengths()
    moved[water] += np.repeat(shifts, 3, axis=0)
    np.testing.assert_allclose(wrap_molecules(film, moved, film.cell.array), film.positions, atol=1e-9)


def test_profile_counts_every_molecule(film, unbroken):
    density = density_profile(unbroken[0] / "film.pdb", unbroken[0] / "film.xtc")
    width, depth = film.cell.lengths()[:2]
    molecules = density["oxygen_density_per_A3"].sum() * 0.1 * width * depth
    assert molecules == pytest.approx(film.get_chemical_symbols().count("O"), rel=1e-4)
    assert 2.2 < density["z_A"][density["oxygen_density_per_A3"].idxmax()] < 3.4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # MDAnalysis's half-open reader
def test_missing_trajectory_is_refused(unbroken, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_film(unbroken[0] / "film.pdb", tmp_path / "none.xtc")
    (tmp_path / "bad.xtc").write_bytes(b"no trajectory")
    with pytest.raises(InputError, match="could not be read"):
        open_film(unbroken[0] / "film.pdb", tmp_path / "bad.xtc")
