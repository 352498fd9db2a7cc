"""Bare metal and salt slabs, and water on salt."""

import numpy as np
import pytest

from icescope.errors import InputError
from icescope.structures.film import cover
from icescope.structures.slab import metal_slab, nacl_slab


def test_salt_is_neutral_in_every_layer():
    slab = nacl_slab([3, 2], layers=3)
    assert len(slab) == 3 * (3 * 2 * 4)
    charges = slab.get_initial_charges()
    assert charges.sum() == 0
    for height in np.unique(slab.positions[:, 2]):
        assert charges[slab.positions[:, 2] == height].sum() == 0
    assert {symbol: charge for symbol, charge in zip(slab.symbols, charges, strict=True)} == {"Na": 1, "Cl": -1}


def test_every_ion_has_its_counterions_at_2_82_a_and_no_other_as_near():
    slab = nacl_slab([2, 3], layers=3)
    distance = slab.get_all_distances(mic=True)
    np.fill_diagonal(distance, np.inf)
    near = distance < 2.83
    np.testing.assert_allclose(distance[near], 2.820, rtol=1e-9)
    assert (slab.numbers[np.nonzero(near)[0]] != slab.numbers[np.nonzero(near)[1]]).all()
    inner = np.isclose(slab.positions[:, 2], -2.82)
    np.testing.assert_array_equal(near.sum(axis=1), np.where(inner, 6, 5))


def test_topmost_plane_of_salt_is_zero_with_a_chloride_at_the_origin():
    slab = nacl_slab([2, 2], layers=2)
    np.testing.assert_allclose(np.unique(slab.positions[:, 2]), [-2.82, 0])
    assert slab.symbols[np.linalg.norm(slab.positions, axis=1).argmin()] == "Cl"
    np.testing.assert_allclose(slab.cell.lengths(), [11.28, 11.28, 5.64])
    assert slab.pbc.tolist() == [True, True, False]


def test_metal_slab_carries_no_charge_and_ends_at_zero():
    slab = metal_slab("Pt", [4, 3], layers=4)
    assert len(slab) == 4 * 3 * 2 * 4
    assert slab.positions[:, 2].max() == 0
    assert not slab.get_initial_charges().any()


def test_water_film_on_salt_has_its_coverage_and_stays_above():
    slab = nacl_slab([4, 4], layers=2)
    film = cover(slab, coverage=15, vapour=25.0, seed=3)
    molecules = round(15 * 22.56**2 / 100)
    assert len(film) == len(slab) + 3 * molecules
    assert film.get_chemical_symbols()[len(slab) :] == [*"OHH"] * molecules
    assert film.positions[len(slab) :, 2].min() > 1.5
    assert film.get_initial_charges().sum() == pytest.approx(0)
    np.testing.assert_array_equal(film.positions[: len(slab)], slab.positions)


@pytest.mark.parametrize("build", [nacl_slab, lambda repeats, layers: metal_slab("Au", repeats, layers)])
@pytest.mark.parametrize(
    ("repeats", "layers"),
    [
        ([0, 1], 2),
        ([2], 2),
        ([2, 2], 0),
        ([1.5, 2], 2),
        ([2, 2], -1),
        ([np.nan, 2], 2),
        ([2, np.inf], 2),
        ([2, 2], np.nan),
        ([2, 2], None),
    ],
)
def test_sizes_that_are_not_whole_and_positive_end_in_a_sentence(build, repeats, layers):
    with pytest.raises(InputError, match="whole numbers of at least 1"):
        build(repeats, layers)


@pytest.mark.parametrize("build", [nacl_slab, lambda repeats, layers: metal_slab("Au", repeats, layers)])
def test_whole_numbers_may_be_floats(build):
    np.testing.assert_array_equal(build([2.0, 3], 2.0).positions, build([2, 3], 2).positions)


def test_unknown_metal_ends_in_a_sentence():
    with pytest.raises(InputError, match="no metal 'Na'"):
        metal_slab("Na", [2, 2], 3)
