"""OpenMM's dynamics: energy conserved, temperature distributed, ramps followed, cells coupled, geometry kept."""

from itertools import pairwise

import numpy as np
import openmm
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.units import kB, kJ, mol

from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS, State
from icescope.md.engines import engine
from icescope.md.force_field import water_model
from icescope.md.model import Model
from icescope.md.openmm_engine import _stretches
from icescope.md.openmm_system import molecular_system
from icescope.md.stage import Stage
from icescope.md.topology import degrees_of_freedom
from icescope.structures.ice import ice_ih

MODEL = Model(lj_cutoff=6.0, coulomb_cutoff=6.0)
OPENMM = engine("openmm")


def column(sampled, name):
    return sampled.record[:, RECORD_COLUMNS.index(name)]


def start(atoms):
    return State(atoms.positions, None, atoms.cell.array)


@pytest.fixture(scope="module")
def crystal():
    return ice_ih([2, 2, 2], seed=3)


@pytest.fixture(scope="module")
def warm(crystal):
    """State of the crystal at 200 K."""
    return OPENMM.run(crystal, MODEL, Stage("warm", 2.0, (200.0, 200.0)), start(crystal), 1, 1.0).state


@pytest.mark.parametrize("water", ["spce", "tip4p_ice"])
def test_energy_drifts_by_less_than_a_joule_per_mol_and_ps_at_constant_energy(water):
    """At 2 fs; the thermostat has no friction to speak of, and is then plain leapfrog."""
    crystal = ice_ih([2, 2, 2], seed=3, water=water)
    model = Model(water, lj_cutoff=6.0, coulomb_cutoff=6.0)
    warm = OPENMM.run(crystal, model, Stage("warm", 1.0, (200.0, 200.0)), start(crystal), 1, 1.0).state
    free = Model(water, lj_cutoff=6.0, coulomb_cutoff=6.0, friction=1e-12)
    sampled = OPENMM.run(crystal, free, Stage("NVE", 5.0, (200.0, 200.0)), warm, 1, 0.02)
    total = column(sampled, "potential_energy_eV") + column(sampled, "kinetic_energy_eV")
    drift = np.polyfit(column(sampled, "time_ps"), total, 1)[0] / (len(crystal) / 3)
    assert abs(drift) / (kJ / mol) < 1e-3  # kJ/mol/ps per molecule


def test_kinetic_energy_has_the_mean_and_variance_of_its_degrees_of_freedom(crystal, warm):
    """2K/kT follows chi-square with 6 degrees of freedom a molecule: mean f, variance 2f.

    The mean within 2 %: at 2 fs rigid molecules that librate are 1 % too hot in the integrator's velocities, at 1 fs
    half of that.
    """
    model = Model(lj_cutoff=6.0, coulomb_cutoff=6.0, friction=20.0)
    sampled = OPENMM.run(crystal, model, Stage("NVT", 8.0, (200.0, 200.0)), warm, 5, 0.04)
    freedom = degrees_of_freedom(crystal)
    assert freedom == 6 * 128
    reduced = 2 * column(sampled, "kinetic_energy_eV") / (kB * 200)
    assert reduced.mean() == pytest.approx(freedom, rel=0.02)
    assert reduced.var() == pytest.approx(2 * freedom, rel=0.4)  # about 100 independent samples
    np.testing.assert_allclose(column(sampled, "temperature_K"), reduced / freedom * 200, rtol=1e-9)


def test_the_site_of_tip4p_ice_lies_on_the_bisector_at_its_distance(crystal):
    water = water_model("tip4p_ice")
    assert water.site_weight == pytest.approx(0.13458335, abs=1e-8)
    system = molecular_system(crystal, MODEL, crystal.cell.array)
    placed = np.concatenate([crystal.positions, np.zeros((128, 3))]) / 10
    context = OPENMM._context(system, openmm.VerletIntegrator(0.001))
    context.setPositions(placed)
    context.computeVirtualSites()
    sites = context.getState(positions=True).getPositions(asNumpy=True)._value[384:] * 10
    molecules = crystal.positions.reshape(-1, 3, 3)
    arm = sites - molecules[:, 0]
    bisector = molecules[:, 1:].mean(axis=1) - molecules[:, 0]
    np.testing.assert_allclose(np.linalg.norm(arm, axis=1), 0.1577, atol=1e-5)
    np.testing.assert_allclose(np.cross(arm, bisector), 0, atol=1e-5)
    assert (np.einsum("ij,ij->i", arm, bisector) > 0).all()


def test_water_is_rigid_after_minimisation_and_dynamics(crystal, warm):
    shaken = start(crystal)
    shaken.positions[:] += np.random.default_rng(0).normal(scale=0.05, size=shaken.positions.shape)
    for state in (warm, OPENMM.minimise(crystal, MODEL, shaken)):
        molecules = state.positions.reshape(-1, 3, 3)
        sides = [molecules[:, i] - molecules[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
        water = water_model("tip4p_ice")
        expected = np.array([[water.bond], [water.bond], [water.distance_hh]]) * np.ones(128)
        np.testing.assert_allclose(np.linalg.norm(sides, axis=-1), expected, rtol=2e-5)


def test_minimisation_lowers_the_energy_and_keeps_the_cell(crystal):
    def energy(state):
        atoms = crystal.copy()
        atoms.positions = state.positions
        return sum(OPENMM.energy_and_forces(atoms, MODEL)[0].values())

    reached = OPENMM.minimise(crystal, MODEL, start(crystal))
    assert energy(reached) < energy(start(crystal)) - 1.0
    np.testing.assert_array_equal(reached.cell, crystal.cell.array)


@pytest.mark.parametrize(("coupling", "moving"), [("isotropic", [True, True, True]), ("x", [True, False, False])])
def test_pressure_changes_only_the_edges_that_it_is_coupled_to(crystal, warm, coupling, moving):
    stage = Stage("compression", 1.0, (77.0, 77.0), (0.0, 1.5), coupling)
    sampled = OPENMM.run(crystal, MODEL, stage, warm, 1, 0.1)
    ratio = np.diag(sampled.state.cell) / crystal.cell.lengths()
    assert ((ratio < 0.99) == moving).all()
    if coupling == "isotropic":
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    else:
        np.testing.assert_allclose(ratio[1:], 1, rtol=1e-6)
    density = column(sampled, "density_g_per_cm3")
    np.testing.assert_allclose(density * np.linalg.det(sampled.cells), density[0] * np.linalg.det(sampled.cells[0]))
    assert np.isfinite(sampled.record).all()


def test_the_barostat_reaches_its_pressure(crystal, warm):
    ramp = Stage("compression", 2.0, (200.0, 200.0), (0.0, 1.0))
    compressed = OPENMM.run(crystal, MODEL, ramp, warm, 1, 1.0).state
    sampled = OPENMM.run(crystal, MODEL, Stage("hold", 6.0, (200.0, 200.0), (1.0, 1.0)), compressed, 1, 0.05)
    assert column(sampled, "pressure_GPa")[20:].mean() == pytest.approx(1.0, abs=0.2)


def test_a_ramp_of_temperature_is_followed(crystal, warm):
    model = Model(lj_cutoff=6.0, coulomb_cutoff=6.0, friction=20.0)
    sampled = OPENMM.run(crystal, model, Stage("heat", 4.0, (100.0, 250.0)), warm, 1, 0.1)
    half = column(sampled, "time_ps") > 0.5
    slope, offset = np.polyfit(column(sampled, "time_ps")[half], column(sampled, "temperature_K")[half], 1)
    assert slope == pytest.approx(37.5, rel=0.15)
    assert offset == pytest.approx(100, abs=12)


def test_a_ramp_moves_in_small_steps_and_ends_each_frame_on_time():
    stage = Stage("ramp", 1.0, (100.0, 150.0), (0.0, 0.2))
    stretches = _stretches(stage, steps=500, in_frame=70)
    assert stretches[0][0] == 0 and stretches[-1][1] == 500
    assert all(before[1] == after[0] for before, after in pairwise(stretches))
    assert {70, 140, 210, 280, 350, 420, 490} <= {last for _, last in stretches}
    assert max(last - first for first, last in stretches) == 1  # 0.1 K a step
    assert _stretches(Stage("hold", 1.0, (100.0, 100.0)), 500, 250) == [(0, 250), (250, 500)]


def test_fixed_atoms_stay_and_carry_no_heat(crystal):
    atoms = crystal.copy()
    atoms.set_constraint(FixAtoms(range(30)))
    sampled = OPENMM.run(atoms, MODEL, Stage("hold", 0.2, (200.0, 200.0)), start(atoms), 1, 0.1)
    np.testing.assert_allclose(sampled.positions[:, :30], np.tile(atoms.positions[:30], (2, 1, 1)), atol=1e-9)
    assert np.abs(sampled.positions[-1, 30:] - atoms.positions[30:]).max() > 0.02
    assert (sampled.state.velocities[:30] == 0).all()
    assert degrees_of_freedom(atoms) == 6 * 118


def test_impossible_runs_are_refused_in_one_sentence(crystal, warm):
    fixed, partly = crystal.copy(), crystal.copy()
    fixed.set_constraint(FixAtoms(range(3)))
    partly.set_constraint(FixAtoms([0]))
    squeeze = Stage("squeeze", 0.1, (100.0, 100.0), (0.0, 0.1))
    crush = Stage("crush", 4.0, (100.0, 100.0), (0.0, 60.0))
    hot = Model(lj_cutoff=6.0, coulomb_cutoff=6.0, timestep=20.0)
    tight = Model(lj_cutoff=7.3, coulomb_cutoff=7.3)
    for atoms, model, stage, words in (
        (fixed, MODEL, squeeze, "has a pressure, but the structure has fixed atoms"),
        (partly, MODEL, squeeze, "fixes a part of a water molecule"),
        (crystal, tight, crush, "smaller than twice the cut-off at .* of the stage crush"),
        (crystal, hot, Stage("boil", 2.0, (300.0, 300.0)), "not a number at .* of the stage boil"),
        (Atoms("Ar", cell=[20] * 3), MODEL, squeeze, "no Ar"),
    ):
        with pytest.raises(InputError, match=words):
            OPENMM.run(atoms, model, stage, State(atoms.positions, None, atoms.cell.array), 1, 0.1)
