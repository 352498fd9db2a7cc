"""LAMMPS as an engine: its forces against formulas and NIST's reference, its dynamics against what was asked for."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.units import kB
from engine_here import engine_here

from icescope.errors import InputError
from icescope.md import lammps as lammps_engine
from icescope.md.engine import RECORD_COLUMNS, State
from icescope.md.engines import engine
from icescope.md.force_field import water_model
from icescope.md.lammps import ARGUMENTS
from icescope.md.model import Model
from icescope.md.stage import Stage
from icescope.structures.film import water_film
from icescope.structures.ice import ice_ih

DATA = Path(os.environ.get("ICESCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
NIST = DATA / "nist_spce" / "spce_sample_config_periodic1.xyz"
COULOMB = 14.399645  # eV A
SMALL = Model(lj_cutoff=6.0, coulomb_cutoff=5.0)  # for 128 molecules


@pytest.fixture(scope="module")
def lammps():
    return engine_here("lammps")


@pytest.fixture(scope="module")
def ice():
    return ice_ih([2, 2, 2], seed=1)


def state_of(atoms, velocities=None):
    return State(atoms.positions.copy(), velocities, atoms.cell.array.copy())


def column(sampled, name):
    return sampled.record[:, RECORD_COLUMNS.index(name)]


@pytest.fixture(scope="module")
def nist():
    """100 SPC/E molecules, L = 20 A. References are E/kB in K, for a cut-off of 10 A and alpha = 5.6/L."""
    if not NIST.is_file():
        pytest.skip(f"{NIST} is not here; set ICESCOPE_SHARED_DATA")
    positions = np.loadtxt(NIST, skiprows=2, usecols=(1, 2, 3)).reshape(-1, 3, 3)
    arms = positions - positions[:, :1]
    whole = (positions - 20.0 * np.round(arms / 20.0)).reshape(-1, 3)
    return Atoms("OHH" * 100, whole, cell=[20.0] * 3, pbc=True)


def test_energies_of_nist_configuration(lammps, nist):
    energies, _ = lammps.energy_and_forces(nist, Model(water="spce", ewald_tolerance=1e-5))
    assert energies["lennard_jones"] / kB == pytest.approx(9.95387e4, rel=1e-4)
    assert energies["tail"] / kB == pytest.approx(-8.23715e2, rel=1e-4)
    assert energies["coulomb"] / kB == pytest.approx(6.27009e3 - 5.58889e5 - 2.84469e6 + 2.80999e6, rel=1e-4)
    assert sum(energies.values()) / kB == pytest.approx(-4.88604e5, rel=1e-4)


def test_parts_of_the_ewald_sum_of_nist_configuration(lammps, nist):
    """LAMMPS's sum ends at k^2 = 25; NIST's has the shell k^2 = 26 too, which is added here."""
    alpha, charges = 5.6 / 20.0, np.tile([-0.8476, 0.4238, 0.4238], 100)
    with lammps._set_up(nist, Model(water="spce"), state_of(nist, np.zeros((300, 3)))) as instance:
        instance.command("kspace_style ewald 1e-4")
        instance.command(f"kspace_modify gewald {alpha} kmax/ewald 5 5 5")
        instance.command("run 0 post no")
        real_and_intra, fourier_and_self = instance.get_thermo("ecoul"), instance.get_thermo("elong")
    k = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3), axis=-1).reshape(-1, 3)
    k = 2 * np.pi / 20.0 * k[(k**2).sum(axis=1) == 26]
    k2 = (k**2).sum(axis=1)
    waves = np.abs((charges * np.exp(1j * k @ nist.positions.T)).sum(axis=1)) ** 2
    shell = COULOMB * 2 * np.pi / 20.0**3 * (np.exp(-k2 / (4 * alpha**2)) / k2 * waves).sum()
    itself = -COULOMB * alpha / np.sqrt(np.pi) * (charges**2).sum()
    assert real_and_intra / kB == pytest.approx(-5.58889e5 + 2.80999e6, rel=1e-4)
    assert itself / kB == pytest.approx(-2.84469e6, rel=1e-5)
    assert (fourier_and_self + shell - itself) / kB == pytest.approx(6.27009e3, rel=1e-4)


@pytest.mark.parametrize("water", ["spce", "tip4p_ice"])
def test_force_is_minus_gradient_of_energy(lammps, water):
    model = Model(water=water, lj_cutoff=6.0, coulomb_cutoff=7.0, tail=False, ewald_tolerance=1e-5)
    atoms = ice_ih([2, 2, 2], seed=1, water=water)
    _, forces = lammps.energy_and_forces(atoms, model)
    step = 1e-3
    # A turn of a water molecule moves M with it, and a whole molecule's energy counts.
    direction = np.random.default_rng(1).normal(size=3)
    energy = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[3:6] += sign * step * direction
        energy.append(sum(lammps.energy_and_forces(moved, model)[0].values()))
    assert forces[3:6].sum(axis=0) @ direction == pytest.approx((energy[1] - energy[0]) / (2 * step), abs=2e-3)


def test_fixed_pairs_count_nowhere(lammps):
    """With ions fixed, the energy lacks just that of these ions alone in the cell; the other forces are the same."""
    water = ice_ih([2, 2, 2], seed=1, water="spce")
    ions = Atoms("NaCl", [[4.0, 4.0, 4.0], [8.5, 4.0, 5.0]])
    near = np.linalg.norm(water.positions[::3, None] - ions.positions, axis=-1).min(axis=1) < 2.8
    atoms = water[np.repeat(~near, 3)] + ions
    alone = Atoms(ions, cell=water.cell, pbc=True)
    model = Model(water="spce", lj_cutoff=6.0, coulomb_cutoff=6.0, tail=False, ewald_tolerance=1e-5)
    free, free_forces = lammps.energy_and_forces(atoms, model)
    pair, _ = lammps.energy_and_forces(alone, model)
    atoms.set_constraint(FixAtoms([len(atoms) - 2, len(atoms) - 1]))
    held, held_forces = lammps.energy_and_forces(atoms, model)
    for part in ("lennard_jones", "coulomb"):
        assert held[part] == pytest.approx(free[part] - pair[part], abs=3e-3)  # LAMMPS takes another mesh for each
    assert np.array_equal(held_forces[-2:], np.zeros((2, 3)))
    assert np.abs(held_forces[:-2] - free_forces[:-2]).max() < 1e-6


def test_minimum_is_lower_and_of_rigid_water(lammps, ice):
    shaken = ice.copy()
    kicks = np.random.default_rng(2).normal(scale=0.1, size=(len(ice) // 3, 3))
    shaken.positions += np.repeat(kicks, 3, axis=0)
    found = shaken.copy()
    found.positions = lammps.minimise(shaken, SMALL, state_of(shaken)).positions
    before, after = (sum(lammps.energy_and_forces(atoms, SMALL)[0].values()) for atoms in (shaken, found))
    assert after < before - 1
    oxygen, one, other = np.moveaxis(found.positions.reshape(-1, 3, 3), 1, 0)
    water = water_model("tip4p_ice")
    assert np.linalg.norm(one - oxygen, axis=1) == pytest.approx(water.bond, abs=1e-9)
    assert np.linalg.norm(one - other, axis=1) == pytest.approx(water.distance_hh, abs=1e-9)


def overlapping(ice, neighbour):
    """With its first molecule on top of another one, 0.4 A apart."""
    atoms = ice.copy()
    atoms.positions[:3] += atoms.positions[3 * neighbour] - atoms.positions[0] + [0.4, 0.1, 0.0]
    return atoms


@pytest.mark.parametrize("neighbour", [4, 5])  # hydrogens on softer springs are drawn into the oxygen below
def test_molecules_that_overlap_come_apart(lammps, ice, neighbour):
    atoms = overlapping(ice, neighbour)
    atoms.positions = lammps.minimise(atoms, SMALL, state_of(atoms)).positions
    crystal, found = (sum(lammps.energy_and_forces(one, SMALL)[0].values()) for one in (ice, atoms))
    assert crystal < found < crystal + 6  # eV: ten hydrogen bonds; pushed apart, they lie between the others


def test_minimisation_that_falls_without_end_is_an_error_and_no_hang(lammps, ice, monkeypatch):
    monkeypatch.setattr(lammps_engine, "STIFF", 50.0)
    atoms = overlapping(ice, 4)
    with pytest.raises(InputError, match="before the minimum: .* collapse"):
        lammps.minimise(atoms, SMALL, state_of(atoms))


def test_piece_is_reproducible_rigid_and_silent(lammps, ice, capfd):
    piece = Stage("compression", 0.4, (77.0, 77.0), (0.0, 0.1))
    capfd.readouterr()
    runs = [lammps.run(ice, SMALL, piece, state_of(ice), seed, 0.1) for seed in (5, 5, 6)]
    assert capfd.readouterr() == ("", "")
    for name in ("positions", "velocities", "cell"):
        assert np.array_equal(getattr(runs[0].state, name), getattr(runs[1].state, name))
        assert not np.array_equal(getattr(runs[0].state, name), getattr(runs[2].state, name))
    assert column(runs[0], "time_ps") == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert np.array_equal(runs[0].positions[-1], runs[0].state.positions)
    assert np.array_equal(runs[0].cells[-1], runs[0].state.cell)
    oxygen, one, other = np.moveaxis(runs[0].positions.reshape(-1, 3, 3), 1, 0)
    water = water_model("tip4p_ice")
    assert np.linalg.norm(one - oxygen, axis=-1) == pytest.approx(water.bond, abs=1e-9)
    assert np.linalg.norm(one - other, axis=-1) == pytest.approx(water.distance_hh, abs=1e-9)


@pytest.mark.parametrize(("coupling", "moving"), [("isotropic", [0, 1, 2]), ("x", [0])])
def test_cell_follows_the_pressure_as_its_coupling_says(lammps, ice, coupling, moving):
    sampled = lammps.run(ice, SMALL, Stage("squeeze", 1.0, (77, 77), (0.5, 2.0), coupling), state_of(ice), 1, 0.25)
    stretch = np.diag(sampled.state.cell) / ice.cell.lengths()
    assert np.all(stretch[moving] < 0.995)
    assert stretch[moving] == pytest.approx(stretch[0], rel=1e-9)
    still = np.setdiff1d(range(3), moving)
    assert np.array_equal(stretch[still], np.ones(len(still)))
    volume = np.linalg.det(sampled.cells)
    density = ice.get_masses().sum() / volume * 1.66053907
    assert column(sampled, "density_g_per_cm3") == pytest.approx(density, rel=1e-6)


def test_temperature_follows_its_ramp(lammps, ice):
    model = Model(lj_cutoff=6.0, coulomb_cutoff=5.0, friction=20.0)
    sampled = lammps.run(ice, model, Stage("heating", 1.5, (50.0, 125.0)), state_of(ice), 1, 0.05)
    kelvin, asked = column(sampled, "temperature_K"), 50 + 50 * column(sampled, "time_ps")
    late = asked > 60  # from crystal sites at rest, half the heat goes into potential energy first
    assert (kelvin - asked)[late].mean() == pytest.approx(0, abs=5)


def test_metal_and_fixed_ions_do_not_move(lammps):
    film = water_film("Au", [4, 3], 2, 6, 25.0, seed=1)
    model = Model(water="spce", lj_cutoff=6.0, coulomb_cutoff=6.0, tail=False)
    sampled = lammps.run(film, model, Stage("film", 0.2, (250, 250)), state_of(film), 1, 0.1)
    metal = film.numbers == 79
    assert np.array_equal(sampled.state.positions[metal], film.positions[metal])
    assert not sampled.state.velocities[metal].any()
    assert np.abs(sampled.state.positions - film.positions)[~metal].min() > 0
    assert np.isnan(column(sampled, "pressure_GPa")).all()
    with pytest.raises(InputError, match="fixed atoms; set it to None"):
        lammps.run(film, model, Stage("film", 0.2, (250, 250), (0, 0)), state_of(film), 1, 0.1)


def test_run_that_blows_up_is_one_sentence(lammps, ice):
    with pytest.raises(InputError, match="of the stage hot"):
        model = Model(lj_cutoff=6.0, coulomb_cutoff=5.0, timestep=50.0)
        lammps.run(ice, model, Stage("hot", 5.0, (900, 900)), state_of(ice), 1, 2.5)


def test_what_lammps_does_not_do_is_refused(lammps, ice):
    with pytest.raises(InputError, match="lj_pme"):
        lammps.energy_and_forces(ice, Model(tail=False, lj_pme=True))
    skewed = ice.copy()
    skewed.cell[1, 0] = 1.0
    with pytest.raises(InputError, match="orthorhombic"):
        lammps.energy_and_forces(skewed, SMALL)


def test_sites_own_arguments_replace_ours(lammps, ice, monkeypatch):
    monkeypatch.setenv(ARGUMENTS, "-sf opt")
    ours, theirs = (sum(one.energy_and_forces(ice, SMALL)[0].values()) for one in (lammps, engine("lammps")))
    assert theirs == pytest.approx(ours, rel=1e-9)
    monkeypatch.setenv(ARGUMENTS, "-sf gpu -pk gpu 1")
    with pytest.raises(InputError, match="does not start"):
        engine("lammps")


def test_missing_module_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps", None)
    with pytest.raises(InputError, match=r"pip install 'icescope\[lammps\]'"):
        engine("lammps")
