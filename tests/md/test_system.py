"""Energies of the OpenMM system against formulas, direct sums and NIST's reference."""

import os
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from ase.units import kB, kJ, mol, nm

from icescope.errors import InputError
from icescope.md.force_field import mix, species_table
from icescope.md.system import film_system
from icescope.structures.film import water_film

COULOMB = 14.399645  # eV A
DATA = Path(os.environ.get("ICESCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
NIST = DATA / "nist_spce" / "spce_sample_config_periodic1.xyz"


def energy(system, positions):
    """Potential energy, eV, of positions (atom, 3), A, on the CPU platform."""
    cpu = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), cpu, {"Threads": "1"})
    context.setPositions(positions / nm)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value * kJ / mol, state.getForces(asNumpy=True)._value * kJ / mol / nm


def water(positions, edge):
    positions = np.asarray(positions, dtype=float).reshape(-1, 3)
    atoms = Atoms("OHH" * (len(positions) // 3), positions, cell=[edge] * 3, pbc=True)
    atoms.set_initial_charges([species_table()[s].charge for s in atoms.get_chemical_symbols()])
    return atoms


def test_dimer_energy_is_lennard_jones_plus_coulomb_between_the_molecules():
    half = np.radians(109.47 / 2)
    molecule = np.array([[0, 0, 0], [np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]])
    one, other = molecule, molecule + np.array([0.3, 2.9, 0.4])
    edge = 60.0
    system = film_system(water(np.stack([one, other]), edge), cutoff=29.0)
    alone = film_system(water(one, edge), cutoff=29.0)
    for force in (*system.getForces(), *alone.getForces()):
        force.setEwaldErrorTolerance(1e-6)
    bound = energy(system, np.concatenate([one, other]))[0] - 2 * energy(alone, one)[0]

    oxygen = species_table()["O"]
    charges = np.array([-0.8476, 0.4238, 0.4238])
    r = np.linalg.norm(one[:, None] - other, axis=-1)
    power = (oxygen.sigma / r[0, 0]) ** 6
    expected = 4 * oxygen.epsilon * (power**2 - power) + COULOMB * (charges[:, None] * charges / r).sum()
    assert bound == pytest.approx(expected, abs=2e-4)  # eV; dipoles of the images at 60 A


def direct_metal_energy(film, point, cutoff):
    """Lennard-Jones energy, eV, of an oxygen at a point with the whole slab, nearest images, pair by pair."""
    sigma, epsilon = mix(species_table()["O"], species_table()["Au"])
    gap = point - film[film.numbers == 79].positions
    gap -= film.cell.lengths() * np.round(gap / film.cell.lengths())
    r2 = (gap**2).sum(axis=1)
    power = (sigma**2 / r2[r2 < cutoff**2]) ** 3
    return 4 * epsilon * (power**2 - power).sum()


@pytest.fixture(scope="module")
def molecule_on_gold():
    """Film cell with one molecule, and the OpenMM energy of the metal at an oxygen position."""
    film = water_film("Au", [9, 5], 3, 0.15, 25.0, seed=1)
    film = film[: (film.numbers == 79).sum() + 3]
    system = film_system(film, cutoff=12.0)
    system.removeForce(0)
    cpu = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), cpu, {"Threads": "1"})

    def tabulated(point):
        context.setPositions(np.array([point, point, point]) / nm)
        state = context.getState(energy=True, forces=True)
        force = state.getForces(asNumpy=True)._value[0] * kJ / mol / nm
        return state.getPotentialEnergy()._value * kJ / mol, force

    return film, tabulated


def test_metal_table_is_the_pair_sum_where_water_goes(molecule_on_gold):
    """Within 0.5 meV, at any lateral place, in any image of the cell, and on the underside of the slab above."""
    film, tabulated = molecule_on_gold
    rng = np.random.default_rng(0)
    underside = film.cell.lengths()[2] + film.positions[:, 2].min()
    tried = 0
    while tried < 150:
        point = rng.uniform([-30, -30, 2.1], [60, 60, 6.0])
        if tried % 3 == 0:
            point[2] = underside - point[2]
        expected = direct_metal_energy(film, point, 12.0)
        if expected < 0.2:
            tried += 1
            assert tabulated(point)[0] == pytest.approx(expected, abs=5e-4)


def test_metal_force_is_minus_gradient_of_its_energy(molecule_on_gold):
    film, tabulated = molecule_on_gold
    point, step = np.array([3.3, 1.7, 2.8]), 1e-4
    for axis in np.eye(3):
        rise = direct_metal_energy(film, point + step * axis, 12.0) - direct_metal_energy(
            film, point - step * axis, 12.0
        )
        assert tabulated(point)[1] @ axis == pytest.approx(-rise / (2 * step), abs=5e-3)


def test_oxygen_binds_to_gold_by_about_a_fifth_of_an_electronvolt(molecule_on_gold):
    film, _ = molecule_on_gold
    depths = [direct_metal_energy(film, np.array([1.0, 1.0, z]), 12.0) for z in np.arange(2.2, 4, 0.05)]
    assert -0.26 < min(depths) < -0.18


@pytest.fixture(scope="module")
def nist():
    """100 SPC/E molecules, L = 20 A; NIST's cut-off is 10 A and its alpha 5.6/L. References are E/kB in K."""
    if not NIST.is_file():
        pytest.skip(f"{NIST} is not here; set ICESCOPE_SHARED_DATA")
    positions = np.loadtxt(NIST, skiprows=2, usecols=(1, 2, 3)).reshape(-1, 3, 3)
    arms = positions - positions[:, :1]
    return water(positions - 20.0 * np.round(arms / 20.0), 20.0)


def test_lennard_jones_of_nist_configuration_without_tail(nist):
    system = film_system(nist, cutoff=10.0)
    nonbonded = system.getForce(0)
    for index in range(nonbonded.getNumParticles()):
        _, sigma, epsilon = nonbonded.getParticleParameters(index)
        nonbonded.setParticleParameters(index, 0, sigma, epsilon)
    assert energy(system, nist.positions)[0] / kB == pytest.approx(9.95387e4, rel=1e-4)


def test_coulomb_of_nist_configuration_is_real_plus_fourier_plus_self_plus_intra(nist):
    """Within 5e-4: NIST's Fourier sum ends at k = 5, where its terms have fallen by exp(-(5 pi/5.6)^2) = 4e-4."""
    system = film_system(nist, cutoff=10.0)
    nonbonded = system.getForce(0)
    for index in range(nonbonded.getNumParticles()):
        charge, sigma, _ = nonbonded.getParticleParameters(index)
        nonbonded.setParticleParameters(index, charge, sigma, 0)
    nonbonded.setPMEParameters(5.6 / 2.0, 48, 48, 48)
    expected = 6.27009e3 - 5.58889e5 - 2.84469e6 + 2.80999e6
    assert energy(system, nist.positions)[0] / kB == pytest.approx(expected, rel=5e-4)


def test_cell_smaller_than_twice_the_cutoff_is_refused():
    film = water_film("Au", [4, 3], 2, 12, 25.0, seed=1)
    with pytest.raises(InputError, match=r"twice md\.cutoff"):
        film_system(film, cutoff=12.0)


def test_cell_that_does_not_fit_the_surface_is_refused():
    film = water_film("Au", [9, 5], 2, 5, 25.0, seed=1)
    film.set_cell(film.cell.lengths() * [1.01, 1, 1])
    with pytest.raises(InputError, match="whole number of Au"):
        film_system(film, cutoff=12.0)
