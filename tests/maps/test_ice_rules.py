import tracemalloc

import numpy as np
import pytest
from ase import Atoms
from found import BOUND, SIZE, blurred, ice_windows, perfect

from icescope.errors import InputError
from icescope.maps.ice_rules import assign_molecules
from icescope.maps.molecule_scores import count_structures, scores
from icescope.maps.scores import match

RADIUS = {"O": 0.74, "H": 0.528}
WATER = np.array([[0, 0, 0], [1.0, 0, 0], [-np.cos(np.radians(70.53)), np.sin(np.radians(70.53)), 0]])


@pytest.fixture(scope="module")
def windows():
    return ice_windows(12, 1)


def peaks(symbols, positions, confidence, window=(12, 12)):
    atoms = Atoms(symbols, positions, cell=[*window, 0])
    atoms.set_array("confidence", np.array(confidence, float))
    atoms.set_array("pose", np.where(atoms.numbers == 1, "flat", "").astype("<U4"))
    return atoms


def pair():
    """Two flat waters 2.75 A apart, the first giving the second a hydrogen bond along x: O H H O H H."""
    second = WATER @ [[-0.5, 0.75**0.5, 0], [-(0.75**0.5), -0.5, 0], [0, 0, 1]]
    return np.concatenate([WATER, -second * [1, 1, 1] + [2.75, 0, 0]]) + [4, 5, 3]


@pytest.mark.parametrize("heights_known", [True, False])
def test_a_clean_structure_stays_as_it_is(windows, heights_known):
    for true in windows:
        found = perfect(true)
        result = assign_molecules(found, BOUND, heights_known)
        assert result.info["dropped"] == {"O": 0, "H": 0}
        np.testing.assert_allclose(result.positions[:, : 2 + heights_known], found.positions[:, : 2 + heights_known])
        assert (result.arrays["pose"] == found.arrays["pose"]).all()
        # Every hydrogen belongs to its own oxygen; those of oxygens outside to none.
        inside = ((true.positions[:, :2] >= 0) & (true.positions[:, :2] < SIZE[:2])).all(1)
        own = true.arrays["molecule"][inside]
        oxygens = own[found.numbers == 8]
        expected = np.array([np.append(np.flatnonzero(oxygens == one), -1)[0] for one in own])
        assert (result.arrays["molecule"] == expected).all()


@pytest.mark.parametrize("heights_known", [True, False])
def test_a_hydrogen_across_its_bond_gives_way_to_a_faint_one_at_its_place(heights_known):
    positions = pair()
    shifted = positions[3] - [1, 0, 0]
    found = peaks("OHHOHHH", [*positions, shifted], [0.95, 0.2, 0.9, 0.95, 0.9, 0.9, 0.6])
    result = assign_molecules(found, BOUND, heights_known)
    assert result.arrays["molecule"].tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(result.positions[:, :2], positions[:, :2], atol=1e-9)
    assert result.info["dropped"] == {"O": 0, "H": 1}


@pytest.mark.parametrize("heights_known", [True, False])
def test_a_hydrogen_across_its_bond_is_brought_back_where_no_other_is_found(heights_known):
    positions = pair()
    found = peaks("OHHOHH", positions, [0.95, 0.6, 0.9, 0.95, 0.9, 0.9])
    found.positions[1] = positions[3] - [1, 0, 0]
    result = assign_molecules(found, BOUND, heights_known)
    assert result.arrays["molecule"].tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(result.positions[:, :2], positions[:, :2], atol=1e-9)


def test_what_is_not_there_is_marked_and_not_invented():
    positions = pair()
    found = peaks("OHOHH", np.delete(positions, 1, axis=0), [0.95, 0.9, 0.95, 0.9, 0.9])
    result = assign_molecules(found, BOUND, True)
    assert result.arrays["molecule"].tolist() == [0, 0, 1, 1, 1]
    assert result.arrays["settled"].tolist() == [False, False, True, True, True]


def test_a_third_hydrogen_is_dropped_and_two_equal_ones_are_not_settled():
    water = WATER + [5, 5, 3]
    third = WATER[1:2] * [-1, 0, 0] + [5, 5, 3]  # opposite to the first, 70 degrees from the second
    weak = assign_molecules(peaks("OHHH", [*water, *third], [0.9, 0.9, 0.9, 0.3]), BOUND, True)
    assert len(weak) == 3 and weak.arrays["settled"].all()
    away = np.array([[5 - np.cos(np.radians(70.53)), 5 - np.sin(np.radians(70.53)), 3]])  # as good as the second
    equal = assign_molecules(peaks("OHHH", [*water, *away], [0.9, 0.9, 0.7, 0.7]), BOUND, True)
    assert len(equal) == 3 and not equal.arrays["settled"].any()


def test_hydrogens_may_lie_beyond_the_edge():
    lone = assign_molecules(peaks("OH", [[0.3, 5, 3], [0.55, 5.97, 3]], [0.9, 0.9]), BOUND, True)
    assert lone.arrays["molecule"].tolist() == [0, 0]
    # A faint peak that a molecule amid the window would take, but not one with room outside.
    positions, confidence = [[5, 5, 3], [5.25, 5.97, 3], [5.25, 4.03, 3]], [0.9, 0.9, 0.2]
    assert len(assign_molecules(peaks("OHH", positions, confidence), BOUND, True)) == 3
    assert len(assign_molecules(peaks("OHH", np.array(positions) - [4.7, 0, 0], confidence), BOUND, True)) == 2
    # A hydrogen at the edge without an oxygen has one outside; amid the window it is dropped.
    orphan = assign_molecules(peaks("HH", [[0.4, 5, 3], [5, 5, 3]], [0.9, 0.9]), BOUND, True)
    assert orphan.positions[:, 0].tolist() == [0.4]
    assert orphan.arrays["molecule"].tolist() == [-1] and not orphan.arrays["settled"].any()


def test_a_faint_oxygen_stays_with_hydrogens_and_goes_without():
    water = WATER + [5, 5, 3]
    assert len(assign_molecules(peaks("OHH", water, [0.4, 0.9, 0.9]), BOUND, True)) == 3
    assert len(assign_molecules(peaks("O", water[:1], [0.4]), BOUND, True)) == 0
    assert len(assign_molecules(peaks("O", water[:1], [0.6]), BOUND, True)) == 1


def test_ions_pass_and_nothing_gives_nothing():
    found = peaks(["Na", "O", "H", "H"], [[2, 2, 3], *(WATER + [5, 5, 3])], [0.1, 0.9, 0.9, 0.9])
    result = assign_molecules(found, BOUND, True)
    assert result.arrays["molecule"].tolist() == [-1, 0, 0, 0] and result.arrays["settled"].all()
    assert len(assign_molecules(found[:0], BOUND, False)) == 0


@pytest.mark.parametrize("heights_known", [True, False])
def test_order_place_and_company_do_not_matter(windows, heights_known):
    rng = np.random.default_rng(2)
    one, other = (blurred(window, rng) for window in windows[:2])
    alone = [assign_molecules(_amid(found, [20, 20]), BOUND, heights_known) for found in (one, other)]
    order = rng.permutation(len(one))
    permuted = assign_molecules(_amid(one, [20, 20])[order], BOUND, heights_known)
    assert _as_set(permuted) == _as_set(alone[0])
    shift = [3.3, -7.1, 0]
    moved = assign_molecules(_amid(one, [23.3, 12.9]), BOUND, heights_known)
    assert _as_set(moved, shift) == _as_set(alone[0])
    company = assign_molecules(_amid(one, [20, 20]) + _amid(other, [70, 20]), BOUND, heights_known)
    assert _as_set(company) == _as_set(alone[0]) | _as_set(alone[1], [-50, 0, 0])


def test_memory_grows_with_the_area_of_an_image(windows):
    rng = np.random.default_rng(7)
    found = [blurred(window, rng) for window in windows]

    def most(side):
        tiles = []
        for place in range(side**2):
            tile = found[place % len(found)].copy()
            tile.positions[:, :2] += SIZE[:2] * divmod(place, side)
            tiles.append(tile)
        image = sum(tiles[1:], tiles[0])
        image.set_cell([*(side * SIZE[:2]), 0])
        tracemalloc.start()
        assign_molecules(image, BOUND, True)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assign_molecules(found[0], BOUND, True)  # compiled
    assert most(6) < 1.5 * 9 / 4 * most(4)  # with the square of the area it would be 5 times as much


@pytest.mark.parametrize("heights_known", [True, False])
def test_swaps_and_broken_rules_are_at_least_halved(windows, heights_known):
    rng = np.random.default_rng(3)
    found = [blurred(window, rng) for window in windows]
    decoded = [assign_molecules(one, BOUND, heights_known) for one in found]
    usual = [one[one.arrays["confidence"] > 0.5] for one in found]
    plain, ruled = (
        scores(count_structures(predicted, windows, SIZE, RADIUS, True).sum().to_frame().T).iloc[0]
        for predicted in (usual, decoded)
    )
    for what, score in [("hydrogen bond", "swap_rate"), ("ice rules", "wrong_number")]:
        assert plain[what, score] > 0.05
        assert ruled[what, score] < 0.5 * plain[what, score]
    assert ruled["ice rules", "double"] < plain["ice rules", "double"]
    assert ruled["molecule", "f1"] > plain["molecule", "f1"] + 0.1
    assert ruled["H", "accuracy"] > plain["H", "accuracy"] + 0.03


def test_settled_molecules_are_right_and_unsettled_ones_often_wrong(windows):
    rng = np.random.default_rng(4)
    wrong = {True: [], False: []}
    for true in windows:
        result = assign_molecules(blurred(true, rng), BOUND, True)
        oxygen, real = np.flatnonzero(result.numbers == 8), np.flatnonzero(true.numbers == 8)
        i, j = match(result.positions[oxygen, :2], true.positions[real, :2], 0.74)
        for a, b in zip(oxygen[i], real[j], strict=True):
            if np.minimum(result.positions[a, :2], SIZE[:2] - result.positions[a, :2]).min() > 1.2:
                mine = (result.arrays["molecule"] == result.arrays["molecule"][a]) & (result.numbers == 1)
                hydrogens = match(result.positions[mine, :2], true.positions[[b + 1, b + 2], :2], 0.7)[0]
                wrong[bool(result.arrays["settled"][a])].append(len(hydrogens) < 2)
    assert min(len(some) for some in wrong.values()) > 50
    assert np.mean(wrong[True]) < 0.1 and np.mean(wrong[False]) > 0.4


def test_whole_molecules_with_the_right_length_lie_closer_to_the_truth(windows):
    rng = np.random.default_rng(5)
    before, after = [], []
    for true in windows:
        found = blurred(true, rng, swapped=0, lost=0, doubled=0)
        result = assign_molecules(found, BOUND, True)
        for molecule in range(result.arrays["molecule"].max() + 1):
            atoms = result[result.arrays["molecule"] == molecule]
            arms = atoms.positions[atoms.numbers == 1] - atoms.positions[atoms.numbers == 8]
            np.testing.assert_allclose(np.linalg.norm(arms, axis=1), 1.0)
        real = true.positions[true.numbers == 1]
        for atoms, off in ((found, before), (result, after)):
            hydrogen = atoms.positions[atoms.numbers == 1]
            off.append(np.linalg.norm(hydrogen[:, None] - real, axis=-1).min(1) ** 2)
    assert np.concatenate(after).mean() <= np.concatenate(before).mean()


def test_bad_input_is_refused():
    found = peaks("OHH", WATER + [5, 5, 3], [0.9, 0.9, 0.9])
    without = found.copy()
    del without.arrays["pose"]
    assert len(assign_molecules(without, BOUND, True)) == 3
    with pytest.raises(InputError, match="pose"):
        assign_molecules(without, BOUND, False)
    windowless = found.copy()
    windowless.set_cell([0, 0, 0])
    with pytest.raises(InputError, match="window"):
        assign_molecules(windowless, BOUND, True)
    found.positions[0, 2] = np.nan
    with pytest.raises(InputError, match="finite"):
        assign_molecules(found, BOUND, True)


def _amid(found, origin):
    """Peaks far from the edges of a large window."""
    moved = found.copy()
    moved.positions[:, :2] += origin
    moved.set_cell([120, 65, 0])
    return moved


def _as_set(atoms, shift=(0, 0, 0)):
    """Each water as a set of its atoms and whether it is settled, and each other atom, to a thousandth of an A."""
    place = np.round((atoms.positions - np.asarray(shift) * [1, 1, 1]) * 1e3).astype(int)
    each = list(zip(atoms.numbers.tolist(), map(tuple, place.tolist()), atoms.arrays["settled"].tolist(), strict=True))
    water = atoms.arrays["molecule"]
    groups = [frozenset(each[i] for i in np.flatnonzero(water == one)) for one in range(water.max(initial=-1) + 1)]
    return {*groups, *(frozenset([each[i]]) for i in np.flatnonzero(water < 0))}
