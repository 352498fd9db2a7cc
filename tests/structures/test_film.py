"""Water films on (111) surfaces."""

import numpy as np
import pytest
from ase.geometry import get_distances

from icescope.errors import InputError
from icescope.md.force_field import species_table
from icescope.md.topology import single_atoms, water_molecules
from icescope.structures.film import water_film


@pytest.fixture(scope="module")
def film():
    return water_film("Au", [12, 7], layers=3, coverage=28, vapour=25.0, seed=5)


def test_slab_has_two_atoms_a_layer_in_each_rectangular_cell(film):
    assert film.get_chemical_symbols().count("Au") == 12 * 7 * 2 * 3
    assert film.get_chemical_symbols()[: 12 * 7 * 2 * 3] == ["Au"] * (12 * 7 * 2 * 3)


@pytest.mark.parametrize("metal", ["Au", "Pt"])
def test_surface_neighbours_are_six_at_the_fcc_distance_along_x(metal):
    film = water_film(metal, [4, 3], layers=2, coverage=10, vapour=20.0, seed=1)
    nearest = species_table()[metal].lattice / np.sqrt(2)
    top = film[(film.numbers > 8) & (np.abs(film.positions[:, 2]) < 1e-9)]
    distance = top.get_all_distances(mic=True)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_allclose(distance.min(axis=1), nearest, rtol=1e-9)
    assert ((distance < nearest * 1.01).sum(axis=1) == 6).all()
    np.testing.assert_allclose(film.cell.lengths()[:2], [4 * nearest, 3 * np.sqrt(3) * nearest], rtol=1e-9)


def test_topmost_metal_plane_is_zero_and_water_is_above(film):
    water, metal = water_molecules(film.get_chemical_symbols()).ravel(), single_atoms(film.get_chemical_symbols())
    spacing = species_table()["Au"].lattice / np.sqrt(3)
    np.testing.assert_allclose(np.unique(film.positions[metal, 2].round(6)), [-2 * spacing, -spacing, 0], atol=1e-5)
    assert film.positions[water, 2].min() > 1.5


def test_coverage_is_rounded_to_whole_molecules(film):
    width, depth = film.cell.lengths()[:2]
    assert film.get_chemical_symbols().count("O") == round(28 * width * depth / 100)


def test_molecules_are_rigid_spce_and_do_not_overlap(film):
    water = water_molecules(film.get_chemical_symbols()).ravel()
    water = water[: 3 * 160]  # one full layer and some of the next
    molecules = film.positions[water].reshape(-1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1), 1.0, rtol=1e-9)
    arms = molecules[:, 1:] - molecules[:, :1]
    angle = np.degrees(np.arccos((arms[:, 0] * arms[:, 1]).sum(axis=-1)))
    np.testing.assert_allclose(angle, 109.47, rtol=1e-9)
    distance = get_distances(film.positions[water], cell=film.cell, pbc=True)[1]
    other = np.arange(len(water)) // 3 != (np.arange(len(water)) // 3)[:, None]
    assert distance[other].min() >= 1.5


def test_vapour_separates_the_film_from_the_slab_above(film):
    top, bottom = film.positions[:, 2].max(), film.positions[:, 2].min()
    gap = film.cell.lengths()[2] + bottom - top
    assert 25.0 - 1e-9 <= gap < 26.0 + 1e-9


def test_water_starts_near_the_density_of_the_liquid(film):
    width, depth = film.cell.lengths()[:2]
    oxygens = film[film.numbers == 8].positions[:, 2]
    volume = width * depth * (oxygens.max() - oxygens.min() + 3.1)
    assert 0.9 < len(oxygens) * 18.015 * 1.66054 / volume < 1.05


def test_same_seed_gives_the_same_film_and_another_does_not():
    one, same, other = (water_film("Pt", [4, 3], 2, 12, 20.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.positions, same.positions)
    assert not np.allclose(one.positions, other.positions)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metal": "Xx"}, "no metal 'Xx'"),
        ({"metal": "O"}, "no metal 'O'"),
        ({"coverage": 0}, "must be positive"),
        ({"coverage": float("nan")}, "must be positive"),
        ({"coverage": float("inf")}, "must be positive"),
        ({"vapour": float("inf")}, "must be positive"),
        ({"coverage": 0.01}, "no whole molecule"),
        ({"vapour": -1.0}, "must be positive"),
        ({"layers": 0}, "at least 1"),
        ({"repeats": [12]}, "two"),
        ({"repeats": []}, "two"),
        ({"repeats": [4, float("nan")]}, "whole numbers"),
        ({"seed": -1}, "seed of a film"),
        ({"seed": None}, "seed of a film"),
        ({"repeats": [1, 1]}, "raise films.repeats"),
    ],
)
def test_wrong_input_ends_in_a_sentence(change, words):
    film = {"metal": "Au", "repeats": [4, 3], "layers": 2, "coverage": 12, "vapour": 20.0, "seed": 1}
    with pytest.raises(InputError, match=words):
        water_film(**(film | change))


def test_water_in_another_order_is_refused():
    with pytest.raises(InputError, match="order O, H, H"):
        water_molecules(["Au", "H", "O", "H"])
