"""The frozen metal as a field: its table against pair sums."""

import numpy as np
import openmm
import pytest
from ase import Atoms
from ase.units import kJ, mol, nm

from icescope.errors import InputError
from icescope.md.engines import engine
from icescope.md.force_field import mix, species_table
from icescope.md.model import Model
from icescope.md.openmm_system import molecular_system
from icescope.structures.film import water_film

FILM_MODEL = Model(water="spce", lj_cutoff=12.0, coulomb_cutoff=12.0, tail=False)


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
    model = Model(water="spce", lj_cutoff=12.0, coulomb_cutoff=12.0, tail=False)
    system = molecular_system(film, model, film.cell.array).system
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


def test_an_ion_feels_the_metal_by_its_own_parameters():
    film = water_film("Au", [9, 5], 3, 0.15, 25.0, seed=1)
    metal = film[film.numbers == 79]
    ion = metal + Atoms("K", [[5.0, 6.0, 3.2]])
    energies, _ = engine("openmm").energy_and_forces(ion, FILM_MODEL)
    sigma, epsilon = mix(species_table()["K"], species_table()["Au"])
    gap = ion.positions[-1] - metal.positions
    gap -= film.cell.lengths() * np.round(gap / film.cell.lengths())
    r2 = (gap**2).sum(axis=1)
    power = (sigma**2 / r2[r2 < 12.0**2]) ** 3
    assert energies["lennard_jones"] == pytest.approx(4 * epsilon * (power**2 - power).sum(), abs=5e-4)


def test_a_metal_of_particles_gives_the_forces_of_the_field():
    """Without the Ewald sum of the dispersion the two differ by the spline only; LJ-PME adds what the cut-off loses."""
    film = water_film("Au", [9, 5], 3, 3, 25.0, seed=1)
    field = engine("openmm").energy_and_forces(film, FILM_MODEL)[1]
    particles = engine("openmm").energy_and_forces(
        film, Model(water="spce", lj_cutoff=12.0, coulomb_cutoff=12.0, tail=False, lj_pme=True)
    )[1]
    assert np.abs(field).max() > 0.1
    np.testing.assert_allclose(field, particles, atol=0.01)


def test_structures_that_do_not_fit_the_field_are_refused():
    film = water_film("Au", [9, 5], 2, 5, 25.0, seed=1)
    stretched, raised, holed = film.copy(), film.copy(), film.copy()
    stretched.set_cell(film.cell.lengths() * [1.01, 1, 1])
    raised.positions[:, 2] += 1
    del holed[0]
    for atoms, model, words in (
        (stretched, FILM_MODEL, "whole number of Au"),
        (raised, FILM_MODEL, "not at z = 0"),
        (holed, FILM_MODEL, "begins with an atom at x = 0"),
        (film, Model(water="spce", lj_cutoff=12.0, coulomb_cutoff=12.0), "a slab is not homogeneous"),
    ):
        with pytest.raises(InputError, match=words):
            molecular_system(atoms, model, atoms.cell.array)
