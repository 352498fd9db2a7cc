"""Two ices joined to a | b | a."""

import numpy as np
import pytest
from ase.geometry import get_distances

from icescope.errors import InputError
from icescope.structures.ice import ice_ih
from icescope.structures.sandwich import CONTACT, sandwich


def glass(repeats, density, seed, disorder=0.4):
    """A periodic box of whole molecules moved off the lattice, up to 0.4 A along each axis."""
    atoms = ice_ih(repeats, seed, density=density)
    moves = np.random.default_rng(seed).uniform(-disorder, disorder, (len(atoms) // 3, 3))
    atoms.positions += np.repeat(moves, 3, axis=0)
    return atoms


def fitted(atoms, other, strain=(1.0, 1.0)):
    """A box with y and z those of another, times a strain, at its own density; molecules stay rigid."""
    edges = atoms.cell.lengths()
    scale = np.ones(3)
    scale[1:] = other.cell.lengths()[1:] * strain / edges[1:]
    scale[0] = 1 / scale[1:].prod()
    oxygen = atoms.positions[::3]
    atoms.positions += np.repeat(oxygen * (scale - 1), 3, axis=0)
    atoms.set_cell(edges * scale)
    return atoms


@pytest.fixture(scope="module")
def low():
    return glass([2, 2, 2], 0.95, seed=1)


@pytest.fixture(scope="module")
def high(low):
    return fitted(glass([2, 2, 2], 1.15, seed=2), low, (1.01, 0.99))


@pytest.fixture(scope="module")
def joined(low, high):
    return sandwich(low, high, seed=4)


def across(atoms):
    """Oxygen distances between the two ices (n, m), A."""
    oxygen, tags = atoms.positions[::3], atoms.get_tags()[::3]
    return get_distances(oxygen[tags == 0], oxygen[tags == 1], cell=atoms.cell, pbc=True)[1]


def test_no_oxygens_of_the_two_ices_touch(joined):
    assert across(joined).min() >= CONTACT


@pytest.mark.parametrize("seed", range(5))
def test_molecules_removed_are_counted_and_few(low, high, seed):
    atoms = sandwich(low, high, seed)
    removed = atoms.info["removed_a"] + atoms.info["removed_b"]
    assert len(atoms) == len(low) + len(high) - 3 * removed
    counts = np.bincount(atoms.get_tags()) // 3
    np.testing.assert_array_equal(counts, [128 - atoms.info["removed_a"], 128 - atoms.info["removed_b"]])
    assert 0 < removed < 0.15 * 256
    assert abs(atoms.info["removed_a"] - atoms.info["removed_b"]) < 10


def test_b_lies_between_the_seams_and_a_outside(joined):
    x, tags = joined.positions[::3, 0], joined.get_tags()[::3]
    low, high = joined.info["b_from"], joined.info["b_to"]
    assert ((x[tags == 1] >= low) & (x[tags == 1] < high)).all()
    assert ((x[tags == 0] < low) | (x[tags == 0] >= high)).all()
    assert low == pytest.approx(joined.cell.lengths()[0] - high)  # b in the middle


def test_a_is_continuous_through_the_boundary(low, joined):
    """Away from the seams the neighbours of a's molecules are those that they had."""
    tags = joined.get_tags()[::3]
    oxygen = joined.positions[::3]
    far = (tags == 0) & ((oxygen[:, 0] < 4) | (oxygen[:, 0] > joined.cell.lengths()[0] - 4))
    before = get_distances(low.positions[::3], cell=low.cell, pbc=True)[1]
    after = get_distances(oxygen[far], oxygen[tags == 0], cell=joined.cell, pbc=True)[1]
    known = before.round(6)
    for row in after:
        near = np.sort(row[(row > 0) & (row < 3.2)]).round(6)
        assert any(np.isin(near, candidate).all() for candidate in known)


def test_molecules_stay_whole_and_rigid_and_keep_charges(low, joined):
    molecules = joined.positions.reshape(-1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1), 0.9572, rtol=1e-7)
    assert joined.get_chemical_symbols() == [*"OHH"] * (len(joined) // 3)
    np.testing.assert_allclose(
        joined.get_initial_charges().reshape(-1, 3), [low.get_initial_charges()[:3]] * len(molecules)
    )


def test_b_keeps_its_density_while_its_cross_section_becomes_that_of_a(low, high, joined):
    edges = joined.cell.lengths()
    np.testing.assert_allclose(edges[1:], low.cell.lengths()[1:])
    thickness = joined.info["b_to"] - joined.info["b_from"]
    assert thickness * edges[1] * edges[2] == pytest.approx(high.cell.volume)
    np.testing.assert_allclose(joined.info["strain_b"][1:], [-0.01, 0.01], atol=3e-4)


def test_a_gap_opens_both_seams_and_spares_molecules(low, high, joined):
    apart = sandwich(low, high, seed=4, gap=1.0)
    assert apart.cell.lengths()[0] == pytest.approx(joined.cell.lengths()[0] + 2)
    removed, with_gap = (atoms.info["removed_a"] + atoms.info["removed_b"] for atoms in (joined, apart))
    assert with_gap < removed
    wide = sandwich(low, high, seed=4, gap=CONTACT)
    assert wide.info["removed_a"] == wide.info["removed_b"] == 0


def test_a_seed_repeats_and_wrapping_of_the_input_does_not_matter(low, high, joined):
    again = sandwich(low, high, seed=4)
    np.testing.assert_array_equal(again.positions, joined.positions)
    assert not np.allclose(sandwich(low, high, seed=5).positions[-3:], joined.positions[-3:])
    moved = low.copy()
    moved.positions += 3 * low.cell.lengths() * [1, -1, 2]
    moved.wrap()  # cuts molecules at the faces
    same = sandwich(moved, high, seed=4)
    np.testing.assert_allclose(same.positions, joined.positions, atol=1e-9)


def test_order_of_the_molecules_does_not_matter(low, high, joined):
    order = np.random.default_rng(0).permutation(len(low) // 3)
    shuffled = low[(3 * order[:, None] + np.arange(3)).ravel()]
    other = sandwich(shuffled, high, seed=4)
    assert other.info["removed_a"] + other.info["removed_b"] == pytest.approx(
        joined.info["removed_a"] + joined.info["removed_b"], abs=2
    )


def wrong_cell(low):
    atoms = low.copy()
    atoms.cell[0, 1] = 1.0
    return atoms


def lost_atom(low):
    atoms = low.copy()
    atoms.positions[4] = np.nan
    return atoms


def open_cell(low):
    atoms = low.copy()
    atoms.pbc = [True, True, False]
    return atoms


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda low, high: (low, fitted(high.copy(), low, (1.05, 1.0))), "more than 3%"),
        (lambda low, high: (wrong_cell(low), high), "first slab .* orthorhombic"),
        (lambda low, high: (low, open_cell(high)), "second slab .* periodic"),
        (lambda low, high: (low[::-1], high), "order O, H, H"),
        (lambda low, high: (low, lost_atom(high)), "second slab .* finite"),
        (lambda low, high: (low[:0], high), "water and nothing else"),
        (lambda low, high: (low, ice_ih([2, 2, 2], 1, water="spce", density=0.95)), "different charges"),
    ],
)
def test_slabs_that_cannot_be_joined_end_in_a_sentence(low, high, change, words):
    with pytest.raises(InputError, match=words):
        sandwich(*change(low, high), seed=1)


@pytest.mark.parametrize("gap", [-0.1, float("nan"), float("inf")])
def test_a_gap_must_not_be_negative(low, high, gap):
    with pytest.raises(InputError, match="gap"):
        sandwich(low, high, 1, gap=gap)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_seed_must_be_a_whole_number(low, high, seed):
    with pytest.raises(InputError, match="seed of a sandwich"):
        sandwich(low, high, seed)
