"""LAMMPS on two MPI ranks against LAMMPS in this process."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_here import engine_here

from icescope.errors import InputError
from icescope.md.engine import State
from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.rigid import thermal_velocities
from icescope.md.stage import Stage
from icescope.structures.film import water_film
from icescope.structures.ice import ice_ih

MPIEXEC = Path(sys.executable).parent / "mpiexec"  # of the package mpich
MODEL = Model(lj_cutoff=6.0, coulomb_cutoff=5.0)  # for 128 molecules


@pytest.fixture(scope="module")
def one():
    return engine_here("lammps")


@pytest.fixture(scope="module")
def two(one):
    if not MPIEXEC.is_file():
        pytest.skip("no mpiexec beside this Python; install 'icescope[lammps]'")
    return engine("lammps", mpi=str(MPIEXEC), tasks=2)


def test_energies_and_forces_are_those_of_one_rank(one, two):
    film = water_film("Au", [5, 4], 2, vapour=15.0, coverage=10, seed=1)  # its metal is fixed
    model = Model(water="spce", lj_cutoff=5.0, coulomb_cutoff=5.0, tail=False)
    (expected, forces), (found, found_forces) = (by.energy_and_forces(film, model) for by in (one, two))
    assert found == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(found_forces, forces, atol=1e-6)


def test_run_starts_like_that_of_one_rank(one, two):
    """For 20 fs, before chaos shows the order of the sums, and without friction, whose noise each rank draws itself."""
    ice = ice_ih([2, 2, 2], seed=1)
    start = State(ice.positions, thermal_velocities(ice, ice.positions, 100.0, 1), ice.cell.array)
    piece, model = Stage("short", 0.02, (100.0, 100.0)), replace(MODEL, friction=1e-9)
    runs = [by.run(ice, model, piece, start, 1, 0.01) for by in (one, two)]
    np.testing.assert_allclose(runs[1].positions, runs[0].positions, atol=1e-5)
    np.testing.assert_allclose(runs[1].state.velocities, runs[0].state.velocities, atol=1e-2)
    np.testing.assert_allclose(runs[1].record, runs[0].record, rtol=1e-4)


def test_minimum_is_that_of_one_rank(one, two):
    ice = ice_ih([2, 2, 2], seed=1)
    state = State(ice.positions, None, ice.cell.array)
    ends = [by.minimise(ice, MODEL, state) for by in (one, two)]
    energies = [sum(one.energy_and_forces(_moved(ice, end), MODEL)[0].values()) for end in ends]
    assert energies[1] == pytest.approx(energies[0], rel=2e-3)  # each stops where its forces are small
    assert ends[1].velocities is None


def _moved(atoms, state):
    moved = atoms.copy()
    moved.positions = state.positions
    return moved


@pytest.mark.parametrize(
    ("mpi", "said"),
    [
        ("no-such-launcher", "no-such-launcher"),
        ("false", "false -n 2"),
        ("sh -c 'shift 2; \"$@\"' copy", "1 MPI rank"),  # started, but not as ranks of one MPI
    ],
)
def test_launcher_that_fails_is_one_sentence(one, mpi, said):
    with pytest.raises(InputError, match=said):
        engine("lammps", mpi=mpi, tasks=2).energy_and_forces(ice_ih([2, 2, 2], seed=1), MODEL)


def test_error_of_the_ranks_is_that_of_one(two):
    film = water_film("Au", [5, 4], 2, vapour=15.0, coverage=10, seed=1)
    state = State(film.positions, None, film.cell.array)
    with pytest.raises(InputError, match="The stage pressed has a pressure, but the structure has fixed atoms"):
        two.run(film, MODEL, Stage("pressed", 0.1, (300.0, 300.0), (0.1, 0.1)), state, 1, 0.1)


def test_other_engines_have_no_ranks():
    with pytest.raises(InputError, match="take lammps"):
        engine("openmm", mpi="srun", tasks=2)
