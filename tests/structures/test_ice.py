"""Proton-disordered ice Ih and its slabs."""

import logging

import numpy as np
import pytest
from ase.geometry import get_distances
from ase.units import kg, m
from hypothesis import given, settings
from hypothesis import strategies as st

from icescope.errors import InputError
from icescope.md.force_field import water_model
from icescope.structures.ice import FACES, ice_ih, ice_slab

NEIGHBOUR = 2.754  # A, O-O of ideal ice Ih at 0.930 g/cm3: (3 sqrt(3) / 8 * 18.015 u / density)^(1/3)
EDGES = {  # of one cell, A: 2a, sqrt(3) a, c
    "basal": (8.995, 7.790, 7.345),
    "prism": (7.345, 8.995, 7.790),
    "secondary_prism": (7.790, 7.345, 8.995),
}


@pytest.fixture(scope="module")
def ice():
    return ice_ih([2, 3, 2], seed=7)


def oxygen_vectors(atoms):
    """Nearest-image O-O vectors (n, n, 3) and distances (n, n), infinite on the diagonal, A."""
    oxygen = atoms.positions[::3]
    vectors, distance = get_distances(oxygen, cell=atoms.cell, pbc=atoms.pbc)
    np.fill_diagonal(distance, np.inf)
    return vectors, distance


def donors(atoms):
    """Which molecule (n,) donates a hydrogen bond to which (n,): O-O below 3.2 A, H within 30 degrees of it."""
    vectors, distance = oxygen_vectors(atoms)
    molecules = atoms.positions.reshape(-1, 3, 3)
    arms = molecules[:, 1:] - molecules[:, :1]
    cosine = np.einsum("ihx,ijx->ihj", arms, vectors) / (
        np.linalg.norm(arms, axis=-1)[:, :, None] * np.where(np.isinf(distance), 1, distance)[:, None]
    )
    return ((cosine > np.cos(np.radians(30))) & (distance[:, None] < 3.2)).sum(axis=1)


def dipole(atoms):
    return atoms.get_initial_charges() @ atoms.positions


def density(atoms):
    return atoms.get_masses().sum() / atoms.cell.volume * (1e-2 * m) ** 3 / (1e-3 * kg)


def test_every_oxygen_has_four_neighbours_at_one_distance(ice):
    distance = np.sort(oxygen_vectors(ice)[1], axis=1)
    np.testing.assert_allclose(distance[:, :4], NEIGHBOUR, atol=2e-3)
    assert (distance[:, 4] > 4.4).all()


def test_every_molecule_donates_two_and_accepts_two_hydrogen_bonds(ice):
    bonds = donors(ice)
    assert bonds.max() == 1
    assert (bonds.sum(axis=1) == 2).all()
    assert (bonds.sum(axis=0) == 2).all()
    assert not (bonds & bonds.T).any()


@pytest.mark.parametrize("repeats", [[1, 1, 1], [2, 1, 1], [1, 2, 3], [3, 3, 3]])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_dipole_is_zero_in_any_supercell(repeats, seed):
    atoms = ice_ih(repeats, seed)
    assert len(atoms) == 3 * 16 * np.prod(repeats)
    assert np.abs(dipole(atoms)).max() < 1e-9 * len(atoms)


@pytest.mark.parametrize("water", ["tip4p_ice", "spce"])
def test_molecules_have_the_geometry_and_the_charges_of_the_model(water):
    model = water_model(water)
    atoms = ice_ih([1, 1, 1], 3, water=water)
    molecules = atoms.positions.reshape(-1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1), model.bond, rtol=1e-9)
    between = np.linalg.norm(molecules[:, 1] - molecules[:, 2], axis=-1)
    np.testing.assert_allclose(between, model.distance_hh, rtol=1e-9)
    charges = atoms.get_initial_charges().reshape(-1, 3)
    np.testing.assert_allclose(charges, [[-2 * model.charge_h, model.charge_h, model.charge_h]] * 16)


def test_cell_is_orthorhombic_with_the_axial_ratio_of_ideal_ice_and_the_density_asked_for(ice):
    edges = ice.cell.lengths() / [2, 3, 2]
    np.testing.assert_array_equal(ice.cell, np.diag(ice.cell.lengths()))
    np.testing.assert_allclose(edges, EDGES["basal"], atol=2e-3)
    np.testing.assert_allclose(2 * edges[2] / edges[0], np.sqrt(8 / 3), rtol=1e-6)
    assert density(ice) == pytest.approx(0.930, rel=1e-6)
    assert density(ice_ih([1, 1, 1], 1, density=0.917)) == pytest.approx(0.917, rel=1e-6)
    oxygen = ice.positions[::3]
    assert (oxygen >= 0).all() and (oxygen < ice.cell.lengths()).all()


def test_a_seed_repeats_its_ice_and_others_differ_in_hydrogens_only():
    one, same, other = (ice_ih([2, 1, 1], seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.positions, same.positions)
    np.testing.assert_array_equal(one.positions[::3], other.positions[::3])
    assert not np.allclose(one.positions, other.positions)


def test_hydrogens_are_disordered():
    """Of the bonds along c, about half donate upwards; Bernal and Fowler's rules leave all orientations alike."""
    upward, total = 0, 0
    for seed in range(4):
        atoms = ice_ih([2, 2, 2], seed)
        molecules = atoms.positions.reshape(-1, 3, 3)
        arms = (molecules[:, 1:] - molecules[:, :1]).reshape(-1, 3)
        steep = np.abs(arms[:, 2]) > 0.9 * np.linalg.norm(arms, axis=1)
        upward, total = upward + (arms[steep, 2] > 0).sum(), total + steep.sum()
    assert total == pytest.approx(4 * 128 / 2, rel=0.15)  # a quarter of all O-H
    assert upward == pytest.approx(total / 2, rel=0.15)


def test_numpys_random_state_and_the_loggers_are_left_alone(caplog):
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    with caplog.at_level(logging.DEBUG):
        ice_ih([1, 1, 1], 1)
        assert np.random.rand() == expected  # noqa: NPY002
        assert not caplog.records
        logging.getLogger().info("heard")
    assert [record.message for record in caplog.records] == ["heard"]


@pytest.mark.parametrize("face", FACES)
def test_slab_is_the_whole_crystal_with_the_faces_axes(face):
    slab = ice_slab(face, [2, 2, 3], vacuum=20.0, seed=2)
    assert len(slab) == 3 * 16 * 12
    np.testing.assert_allclose(slab.cell.lengths()[:2], [2 * edge for edge in EDGES[face][:2]], atol=5e-3)
    height = slab.positions[:, 2]
    assert slab.cell.lengths()[2] - np.ptp(height) == pytest.approx(20.0)
    np.testing.assert_allclose(height.mean(), slab.cell.lengths()[2] / 2, atol=0.5)
    molecules = slab.positions.reshape(-1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1), 0.9572, rtol=1e-9)
    assert np.abs(dipole(slab)).max() < 1e-9 * len(slab)


@pytest.mark.parametrize(
    ("face", "spacings"),
    [("basal", [0.918, 2.754]), ("prism", [1.298, 2.597]), ("secondary_prism", [2.249, 2.249])],  # A
)
def test_faces_have_their_layers_and_both_sides_are_alike(face, spacings):
    slab = ice_slab(face, [2, 2, 2], vacuum=20.0, seed=3)
    height = np.unique(slab.positions[::3, 2].round(3))
    np.testing.assert_allclose(np.diff(height), np.tile(spacings, 4)[:7], atol=2e-3)  # 4 planes a cell
    bonds = donors(slab)
    oxygen = slab.positions[::3, 2]
    upper = oxygen > slab.cell.lengths()[2] / 2
    lacking = 4 - bonds.sum(axis=0) - bonds.sum(axis=1)
    dangling = 2 - bonds.sum(axis=1)
    for side in (upper, ~upper):
        assert lacking[side].sum() == 4 * 2 * 2  # four to a cell
        assert dangling[side].sum() == 2 * 2 * 2  # as many O-H up as down: no dipole
    assert lacking.max() == 1


def test_bilayers_of_the_basal_face_are_whole():
    slab = ice_slab("basal", [2, 2, 2], vacuum=20.0, seed=3)
    height, counts = np.unique(slab.positions[::3, 2].round(3), return_counts=True)
    assert (counts == 16).all()
    assert height[1] - height[0] < 1 and height[-1] - height[-2] < 1


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.integers(1, 3)] * 3), st.integers(0, 2**40), st.sampled_from(sorted(FACES)))
def test_any_slab_keeps_the_network_but_for_its_two_surfaces(repeats, seed, face):
    slab = ice_slab(face, repeats, vacuum=12.0, seed=seed)
    order = FACES[face]
    bulk = ice_ih([repeats[order.index(axis)] for axis in range(3)], seed)
    assert len(slab) == len(bulk)
    assert np.linalg.det(np.eye(3)[list(order)]) == pytest.approx(1)  # no mirror image
    assert oxygen_vectors(slab)[1].min() == pytest.approx(NEIGHBOUR, abs=2e-3)
    assert np.abs(dipole(slab)).max() < 1e-9 * len(slab)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ice_ih([1, 1], 1), "three whole numbers"),
        (lambda: ice_ih([1, 0, 1], 1), "three whole numbers"),
        (lambda: ice_ih([1, 1.5, 1], 1), "three whole numbers"),
        (lambda: ice_ih([1, float("nan"), 1], 1), "three whole numbers"),
        (lambda: ice_slab("basal", [1, 1, float("inf")], 20, 1), "three whole numbers"),
        (lambda: ice_ih([1, 1, 1], -1), "seed"),
        (lambda: ice_ih([1, 1, 1], 0.5), "seed"),
        (lambda: ice_ih([1, 1, 1], 1, water="tip9p"), "tip9p"),
        (lambda: ice_ih([1, 1, 1], 1, density=930), "density"),
        (lambda: ice_ih([1, 1, 1], 1, density=float("nan")), "density"),
        (lambda: ice_slab("pyramidal", [1, 1, 1], 20, 1), "no face 'pyramidal'"),
        (lambda: ice_slab("basal", [1, 1, 1], 0, 1), "vacuum"),
        (lambda: ice_slab("basal", [1, 1, 1], float("inf"), 1), "vacuum"),
        (lambda: ice_slab("prism", [1, 1], 20, 1), "three whole numbers"),
    ],
)
def test_wrong_input_ends_in_a_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
