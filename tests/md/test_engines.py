"""The engines against each other, on one configuration and in one short run."""

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB
from engine_here import engine_here

from icescope.md.engine import RECORD_COLUMNS, State
from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.run import run
from icescope.md.stage import Stage
from icescope.structures.ice import ice_ih


def warm_ice(repeats, water="tip4p_ice"):
    """Ice Ih with every molecule moved off its site, so that no force is zero by symmetry."""
    atoms = ice_ih(repeats, seed=1, water=water)
    kicks = np.random.default_rng(0).normal(scale=0.08, size=(len(atoms) // 3, 3))
    atoms.positions += np.repeat(kicks, 3, axis=0)
    return atoms


def assert_same(one, other, atoms, model):
    """Energies within 1e-4 and forces within 1e-3, relative."""
    (energies, forces), (expected, expected_forces) = (e.energy_and_forces(atoms, model) for e in (one, other))
    assert sum(energies.values()) == pytest.approx(sum(expected.values()), rel=1e-4)
    for part in ("lennard_jones", "coulomb"):
        assert energies[part] == pytest.approx(expected[part], rel=1e-4)
    assert energies["tail"] == pytest.approx(expected["tail"], rel=5e-3)  # OpenMM averages over pairs in another way
    size = np.sqrt((expected_forces**2).sum(axis=1).mean())
    assert np.sqrt(((forces - expected_forces) ** 2).sum(axis=1).mean()) < 1e-3 * size


@pytest.mark.parametrize("name", ["lammps", "gromacs"])
@pytest.mark.parametrize("repeats", [[3, 3, 3], [6, 6, 5]], ids=["432", "2880"])
def test_engines_agree_on_tip4p_ice(name, repeats):
    assert_same(engine_here(name), engine("openmm"), warm_ice(repeats), Model())


@pytest.mark.parametrize("name", ["lammps", "gromacs"])
def test_engines_agree_on_spce_with_ions(name):
    water = warm_ice([3, 3, 3], "spce")
    ions = Atoms("NaClKCl", [[3, 3, 3], [8, 6, 6], [13.5, 3, 9], [3.1, 12.2, 12]])
    near = np.linalg.norm(water.positions[::3, None] - ions.positions, axis=-1).min(axis=1) < 2.8
    atoms = water[np.repeat(~near, 3)] + ions
    assert_same(engine_here(name), engine("openmm"), atoms, Model(water="spce"))


@pytest.mark.parametrize("name", ["lammps", "gromacs"])
def test_resumed_run_is_the_unbroken_one(name, tmp_path, monkeypatch):
    one, atoms = engine_here(name), ice_ih([2, 2, 2], seed=1)
    model = Model(lj_cutoff=6.5, coulomb_cutoff=6.5)
    stages = [Stage("warm", 0.4, (60, 90), (0.1, 0.1)), Stage("hold", 0.2, (90, 90))]
    unbroken = run(atoms, stages, model, one, 1, tmp_path / "unbroken", 0.1, 0.2)
    whole_run, calls = type(one).run, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole_run(*arguments)

    monkeypatch.setattr(type(one), "run", killed)
    with pytest.raises(KeyboardInterrupt):
        run(atoms, stages, model, one, 1, tmp_path / "killed", 0.1, 0.2)
    resumed = run(atoms, stages, model, one, 1, tmp_path / "killed", 0.1, 0.2)
    assert len(calls) == 4  # the first segment, the killed one, and two to finish
    assert np.array_equal(resumed.atoms.positions, unbroken.atoms.positions)
    assert resumed.record.equals(unbroken.record)


@pytest.fixture(scope="module")
def of_openmm():
    return block_means(engine("openmm"))


@pytest.mark.parametrize("name", ["lammps", "gromacs"])
def test_short_runs_have_the_same_density_and_energy(name, of_openmm):
    """Ice of SPC/E at 120 K and 1 bar; means of 4 ps, within four combined standard errors of their blocks.

    The run's own mean temperature, which is not sharp, is taken out of the energy, as it is of rigid bodies at their
    sites: 3 kB a molecule and kelvin. benchmarks/md.py compares longer runs.
    """
    (mean, error), (expected, expected_error) = block_means(engine_here(name)), of_openmm
    assert np.all(np.abs(mean - expected) < 4 * np.hypot(error, expected_error))
    assert mean == pytest.approx(expected, rel=0.01)


def block_means(one):
    """Density (g/cm3) and potential energy (eV) of a short run, and their errors from blocks of 0.5 ps."""
    model = Model(water="spce", lj_cutoff=7.0, coulomb_cutoff=7.0, friction=10.0)
    atoms = ice_ih([2, 2, 2], seed=1, water="spce")
    begin = State(atoms.positions, None, atoms.cell.array)
    begin = one.run(atoms, model, Stage("equilibration", 1.0, (120, 120), (1e-4, 1e-4)), begin, 1, 0.5).state
    record = one.run(atoms, model, Stage("sampling", 4.0, (120, 120), (1e-4, 1e-4)), begin, 2, 0.05).record
    kelvin, density, energy = (
        record[:, RECORD_COLUMNS.index(name)] for name in ("temperature_K", "density_g_per_cm3", "potential_energy_eV")
    )
    energy = energy - len(atoms) // 3 * 3 * kB * (kelvin - 120)
    blocks = np.stack([density, energy], axis=1).reshape(8, -1, 2).mean(axis=1)
    return blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
