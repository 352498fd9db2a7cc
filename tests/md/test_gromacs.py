"""GROMACS as an engine: its input files, and, where `gmx` is on PATH, its energies and its runs."""

import re
import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from engine_here import engine_here

from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS, State
from icescope.md.engines import engine
from icescope.md.force_field import water_model
from icescope.md.gromacs import _follow
from icescope.md.gromacs_input import coordinates, dynamics_parameters, order_of_sites, topology
from icescope.md.model import Model
from icescope.md.stage import Stage
from icescope.md.topology import water_molecules
from icescope.structures.ice import ice_ih

SMALL = Model(lj_cutoff=7.0, coulomb_cutoff=7.0)  # for 128 molecules


@pytest.fixture(scope="module")
def gromacs():
    return engine_here("gromacs")


@pytest.fixture(scope="module")
def ice():
    return ice_ih([2, 2, 2], seed=1)


def state_of(atoms):
    return State(atoms.positions.copy(), None, atoms.cell.array.copy())


def column(sampled, name):
    return sampled.record[:, RECORD_COLUMNS.index(name)]


def test_missing_program_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="needs the program gmx on PATH"):
        engine("gromacs")


def test_topology_has_the_numbers_of_the_tables(ice):
    text = topology(ice, SMALL)
    assert re.search(r"^O 8 15\.999 0 A 0\.31668 0\.88211$", text, re.MULTILINE)
    assert re.search(r"^4 M 1 SOL MW 1 -1\.1794$", text, re.MULTILINE)
    assert "[ settles ]\n1 1 0.09572 0.15139" in text
    weight = water_model("tip4p_ice").site_weight
    assert f"[ virtual_sites3 ]\n4 1 2 3 1 {weight:.12g} {weight:.12g}\n" in text
    assert text.endswith(f"[ molecules ]\nSOL {len(ice) // 3}\n")


def test_coordinates_hold_every_site_in_order_to_the_last_digit():
    water = ice_ih([1, 1, 1], seed=1)
    atoms = Atoms("K", [[1, 2, 3]]) + water + Atoms("Na", [[4, 5, 6]])
    atoms.set_cell(water.cell)
    velocities = np.random.default_rng(0).normal(size=(len(atoms), 3))
    lines = coordinates(atoms, Model(), atoms.positions, velocities, atoms.cell.array).splitlines()
    numbers = np.array([[line[20 + 15 * i : 35 + 15 * i] for i in range(6)] for line in lines[2:-1]], dtype=float)
    order, places = order_of_sites(atoms, Model())
    assert [line[10:15].strip() for line in lines[2:-1]] == ["OW", "HW1", "HW2", "MW"] * 16 + ["K", "Na"]
    assert numbers[places, :3] * 10 == pytest.approx(atoms.positions[order], abs=1e-8)
    assert numbers[places, 3:] * 10 == pytest.approx(velocities[order], abs=1e-8)
    oxygen, site = numbers[0:64:4, :3], numbers[3:64:4, :3]
    assert np.linalg.norm(site - oxygen, axis=1) * 10 == pytest.approx(0.1577, abs=1e-7)


def test_frames_are_followed_across_the_cells_faces_and_molecules_made_whole(ice):
    rng = np.random.default_rng(1)
    molecules = water_molecules(ice.get_chemical_symbols())
    before, after = ice.cell.array, ice.cell.array * 0.99
    drift = np.array([40.0, -3.0, 0.0])  # more than a cell away from where it began
    start = ice.positions + drift
    true = start * 0.99 + np.repeat(rng.normal(scale=0.5, size=(len(molecules), 3)), 3, axis=0)
    wrapped = np.mod(true, np.diag(after))
    assert _follow(wrapped, start, after, before, molecules) == pytest.approx(true, abs=1e-9)


def test_what_gromacs_does_not_do_is_refused_with_the_engine_that_does(ice):
    with pytest.raises(InputError, match="take the engine lammps"):
        topology(ice, Model(lj_cutoff=12.0))
    with pytest.raises(InputError, match="lj_pme"):
        topology(ice, Model(tail=False, lj_pme=True))
    held = ice.copy()
    held.set_constraint(FixAtoms([0, 1, 2]))
    with pytest.raises(InputError, match="fixed atoms"):
        topology(held, Model())
    with pytest.raises(InputError, match="take openmm or lammps"):
        dynamics_parameters(Model(), Stage("ramp", 1.0, (77, 77), (0, 1)), 1, 0.5)
    with pytest.raises(InputError, match="along x alone"):
        dynamics_parameters(Model(), Stage("flat", 1.0, (77, 77), (1, 1), "x"), 1, 0.5)


def test_quench_follows_its_ramp_and_is_reproducible(gromacs, ice):
    model = Model(lj_cutoff=7.0, coulomb_cutoff=7.0, friction=20.0)
    piece = Stage("quench", 4.0, (200, 80), (0.1, 0.1))
    begin = gromacs.minimise(ice, model, state_of(ice))
    sampled, again = (gromacs.run(ice, model, piece, begin, 7, 0.1) for _ in range(2))
    assert np.array_equal(sampled.state.positions, again.state.positions)
    assert np.array_equal(sampled.record, again.record)
    kelvin, time = column(sampled, "temperature_K"), column(sampled, "time_ps")
    assert time == pytest.approx(0.1 * np.arange(1, 41))
    assert (kelvin - (200 - 30 * time))[10:].mean() == pytest.approx(0, abs=5)
    assert np.abs(sampled.positions[-1] - ice.positions).max() < 3
    oxygen, one, other = np.moveaxis(sampled.state.positions.reshape(-1, 3, 3), 1, 0)
    assert np.linalg.norm(one - oxygen, axis=1) == pytest.approx(0.9572, abs=1e-4)
    assert np.linalg.norm(one - other, axis=1) == pytest.approx(1.5139, abs=1e-4)


def test_second_piece_starts_where_the_first_ended(gromacs, ice):
    first = gromacs.run(ice, SMALL, Stage("one", 0.4, (77, 77)), state_of(ice), 1, 0.2)
    second = gromacs.run(ice, SMALL, Stage("two", 0.2, (77, 77)), first.state, 2, 0.002)
    moved = second.positions[0] - first.state.positions
    assert moved == pytest.approx(first.state.velocities * 0.002, abs=0.03)  # forces add 0.04 A at 1 eV/A on H


def test_gromacs_own_error_is_passed_on(gromacs):
    small = ice_ih([1, 1, 1], seed=1)
    with pytest.raises(InputError, match="GROMACS's grompp stopped in the structure: .*cut-off"):
        gromacs.energy_and_forces(small, Model())
