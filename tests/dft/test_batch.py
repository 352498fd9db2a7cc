"""Batches of potentials: finished structures are kept, failures set aside, kills cost one structure."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from icescope import storage
from icescope.dft import batch, electrostatic_potential
from icescope.dft.batch import hydrate_potentials, slab_axes
from icescope.dft.density import NotConvergedError
from icescope.structures.samples import atoms_of

DFT = {"functional": "PBE", "basis": "sto-3g", "step": 0.5, "beside": 0.5, "heights": [2.0, 5.0]}
WATER = np.array([[0.0, 0.0, 0.0], [0.79, 0.0, 0.61], [-0.79, 0.0, 0.61]])


def structures(count: int) -> xr.Dataset:
    """A "hydrates" store of single waters, charge 0, each a little different."""
    rng = np.random.default_rng(count)
    positions = [WATER + [3.0, 3.0, 2.5] + rng.uniform(-0.1, 0.1, 3) for _ in range(count)]
    return xr.Dataset(
        {
            "position": (("atom", "xyz"), np.concatenate(positions).astype(np.float32), {"units": "A"}),
            "number": ("atom", np.tile([8, 1, 1], count).astype(np.uint8), {"units": "1"}),
            "charge": ("atom", np.tile([-0.8, 0.4, 0.4], count).astype(np.float32), {"units": "e"}),
            "atom_count": ("sample", np.full(count, 3), {"units": "1"}),
            "member": ("sample", np.arange(count), {"units": "1"}),
            "layer_height": ("sample", np.array([one[0, 2] for one in positions], np.float32), {"units": "A"}),
        },
        attrs={"window_size": [6.0, 6.0, 3.0]},
    )


def made_up(atoms, x, y, z, charge, xc, basis):
    """Stands for `potential_grid`: instant, and different for each structure."""
    values = np.full((len(x), len(y), len(z)), atoms.positions[0].sum())
    numbers = {"energy_eV": -10.0, "error_rms_meV": 0.1, "error_max_meV": 0.2, "remedy": "none"}
    return xr.Dataset({"potential": (("x", "y", "z"), values)}, attrs=numbers)


@pytest.fixture
def calls(monkeypatch):
    """Positions of the structures that the made-up potential was computed for."""
    done = []

    def counted(atoms, *arguments, **keywords):
        done.append(tuple(atoms.positions[0]))
        return made_up(atoms, *arguments, **keywords)

    monkeypatch.setattr(batch, "potential_grid", counted)
    return done


def test_slabs_are_the_potential_about_each_structure_and_bad_ones_are_set_aside(tmp_path, caplog):
    """The second of three has two atoms in one place: it is listed, its values are no numbers, the batch goes on."""
    several = structures(3)
    several.position[4] = several.position[3] + 0.1
    made = hydrate_potentials(several, DFT, tmp_path / "kept", "code")
    assert made.converged.values.tolist() == [True, False, True]
    assert list(json.loads(made.attrs["set_aside"])) == ["1"]
    assert "overlap" in json.loads(made.attrs["set_aside"])["1"]
    assert any("sample 1 (H2O) is set aside: atoms" in record.getMessage() for record in caplog.records)
    assert np.isnan(made.potential[1]).all() and np.isfinite(made.potential[[0, 2]]).all()
    assert np.isnan(made.energy[1]) and (made.energy[[0, 2]] < -2000).all()
    assert made.potential.dtype == np.float32

    at = made.potential[2].sel(x=[1.0, 4.0], y=[2.0], z=[4.0, 5.0])
    points = np.stack(np.meshgrid(at.x, at.y, at.z + float(made.layer_height[2]), indexing="ij"), -1).reshape(-1, 3)
    exact = electrostatic_potential(atoms_of(several, 2), points, basis="sto-3g")
    np.testing.assert_allclose(at.values.ravel(), exact, atol=3e-3)

    storage.write(made, tmp_path / "potentials.zarr.zip", "hydrate_potentials", {})
    back = storage.read(tmp_path / "potentials.zarr.zip", "hydrate_potentials")
    assert back.attrs["functional"] == "PBE" and back.attrs["basis"] == "sto-3g"
    assert back.attrs["pyscf_version"] and json.loads(back.attrs["remedy"]) == ["none", "", "none"]


def test_axes_cover_window_and_heights_with_equal_steps():
    for step in (0.25, 0.3):
        x, y, z = slab_axes([25.0, 20.0, 3.0], DFT | {"step": step})
        assert x[0] == -0.5 and 25.5 <= x[-1] + 1e-6 < 25.5 + step
        assert 20.5 <= y[-1] + 1e-6 < 20.5 + step
        assert z[0] == 2.0 and 5.0 <= z[-1] + 1e-6 < 5.0 + step
        np.testing.assert_allclose(np.diff(np.concatenate([x, z[1:] + x[-1] - z[0]])), step)


def test_what_cannot_converge_is_set_aside_and_not_tried_again(calls, monkeypatch, tmp_path):
    several, good = structures(4), batch.potential_grid

    def one_fails(atoms, *arguments, **keywords):
        grid = good(atoms, *arguments, **keywords)
        if np.allclose(atoms.positions, atoms_of(several, 2).positions):
            raise NotConvergedError("the density of H2O did not converge.")
        return grid

    monkeypatch.setattr(batch, "potential_grid", one_fails)
    for _ in range(2):
        made = hydrate_potentials(several, DFT, tmp_path, "code")
        assert json.loads(made.attrs["set_aside"]) == {"2": "the density of H2O did not converge."}
    assert len(calls) == 4


def test_all_set_aside_still_makes_a_store(monkeypatch, tmp_path):
    def fails(*_arguments, **_keywords):
        raise NotConvergedError("no.")

    monkeypatch.setattr(batch, "potential_grid", fails)
    made = hydrate_potentials(structures(2), DFT, tmp_path / "kept", "code")
    storage.write(made, tmp_path / "0.zarr.zip", "hydrate_potentials", {})
    assert not storage.read(tmp_path / "0.zarr.zip", "hydrate_potentials").converged.any()


def test_kept_results_are_taken_for_the_same_structure_settings_and_code_only(calls, tmp_path):
    hydrate_potentials(structures(3), DFT, tmp_path, "code")
    again = hydrate_potentials(structures(3), DFT, tmp_path, "code")
    assert len(calls) == 3
    np.testing.assert_allclose(again.potential[:, 0, 0, 0], structures(3).position.values[::3].sum(1), rtol=1e-5)
    hydrate_potentials(structures(3), DFT, tmp_path, "other code")
    hydrate_potentials(structures(3), DFT | {"basis": "def2-SVP"}, tmp_path, "code")
    hydrate_potentials(structures(2), DFT, tmp_path, "code")
    assert len(calls) == 3 + 3 + 3 + 2


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_batch
from icescope.dft import batch

def slow(atoms, *arguments, **keywords):
    with open({record!r}, "a") as file:
        print(*atoms.positions[0], file=file, flush=True)
    time.sleep(0.1)
    return test_batch.made_up(atoms, *arguments, **keywords)

batch.potential_grid = slow
batch.hydrate_potentials(test_batch.structures(12), test_batch.DFT, Path({kept!r}), "code")
"""


def test_killed_at_a_random_moment_it_goes_on_at_the_structure_it_was_on(calls, tmp_path):
    record, kept = tmp_path / "record", tmp_path / "kept"
    script = KILLED.format(folder=str(Path(__file__).parent), record=str(record), kept=str(kept))
    process = subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ), start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not record.exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(np.random.default_rng().uniform(0.15, 0.8))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    begun = len(record.read_text().splitlines())
    finished = len(list(kept.glob("[!.]*.npz")))
    assert begun - 1 <= finished <= begun < 12
    made = hydrate_potentials(structures(12), DFT, kept, "code")
    assert len(calls) == 12 - finished  # nothing that was finished is computed again
    assert made.converged.all()
    np.testing.assert_allclose(made.potential[:, 0, 0, 0], structures(12).position.values[::3].sum(1), rtol=1e-5)
