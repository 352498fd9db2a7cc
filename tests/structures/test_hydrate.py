"""Hydrated ions on salt, on gold and alone."""

import numpy as np
import pytest
from ase.geometry import get_distances
from hypothesis import given, settings
from hypothesis import strategies as st

from icescope.errors import InputError
from icescope.md.engine import Sampled, State
from icescope.md.engines import engine
from icescope.structures.hydrate import (
    ION,
    IONS,
    MOLECULE,
    SUBSTRATE,
    first_shell,
    hydrate,
    ion_oxygen_distances,
    without_substrate,
)
from icescope.structures.hydrate_relaxation import relax_hydrate
from icescope.structures.slab import nacl_slab

SMALL = {"repeats": [4, 4], "layers": 2}  # 22.6 A: as small as the cut-off of 10 A allows


def molecules(atoms):
    return atoms.positions[atoms.get_tags() == MOLECULE].reshape(-1, 3, 3)


def tilt(atoms):
    """Angle (molecule,) of M-O from the surface normal, degrees."""
    ion = atoms.positions[atoms.get_tags() == ION][0]
    out = molecules(atoms)[:, 0] - ion
    return np.degrees(np.arccos(out[:, 2] / np.linalg.norm(out, axis=1)))


@pytest.fixture(scope="module")
def relaxed():
    """Na+.nH2O by n, each relaxed on salt that does not move."""
    return {n: relax_hydrate(hydrate("Na", n, "NaCl", 2, **SMALL), engine("openmm"), 2, duration=1.0) for n in (3, 4)}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["Na", "K"]), st.integers(1, 20), st.sampled_from(["NaCl", "Au", None]), st.integers(0, 2**32))
def test_any_hydrate_is_whole_rigid_and_without_overlap(ion, n, substrate, seed):
    atoms = hydrate(ion, n, substrate, seed)
    tags, water = atoms.get_tags(), molecules(atoms)
    assert tags.tolist() == sorted(tags) and len(water) == n
    assert atoms[tags == ION].get_chemical_symbols() == [ion]
    assert atoms[tags == MOLECULE].get_chemical_symbols() == [*"OHH"] * n
    np.testing.assert_allclose(np.linalg.norm(water[:, 1:] - water[:, :1], axis=-1), 1.0, rtol=1e-9)
    between = np.linalg.norm(water[:, 1] - water[:, 2], axis=-1)
    np.testing.assert_allclose(between, 2 * np.sin(np.radians(109.47 / 2)), rtol=1e-9)
    distance = get_distances(water.reshape(-1, 3))[1]
    others = np.arange(3 * n) // 3 != (np.arange(3 * n) // 3)[:, None]
    oxygen = distance[::3, ::3][others[::3, ::3]]
    assert distance[others].min(initial=9) >= 1.6 and oxygen.min(initial=9) >= 2.6
    assert first_shell(atoms).sum() == min(n, 5)
    np.testing.assert_allclose(ion_oxygen_distances(atoms)[:5], IONS[ion].bond, rtol=1e-9)
    if substrate is not None:
        assert water[:, 0, 2].min() >= 2.2 and water[:, 1:, 2].min() >= 1.6
        slab = atoms.positions[tags == SUBSTRATE]
        assert slab[:, 2].max() == 0
        assert get_distances(water[:, 0], slab, cell=atoms.cell, pbc=True)[1].min() > 2.1


@pytest.mark.parametrize("seed", range(5))
def test_simple_hydrates_have_all_waters_around_the_ion_and_complex_ones_one_above(seed):
    for n in (3, 4):
        assert (np.abs(tilt(hydrate("Na", n, "NaCl", seed)) - 80) <= 20 + 1e-6).all()
    angles = tilt(hydrate("Na", 8, "NaCl", seed))
    assert (angles[:4] > 59).all() and angles[4] < 36


def test_waters_of_the_second_shell_accept_a_hydrogen_bond():
    atoms = hydrate("K", 16, "NaCl", seed=2)
    water = molecules(atoms)
    hydrogens = water[:, 1:].reshape(-1, 3)
    for oxygen in water[5:, 0]:
        distance = np.linalg.norm(hydrogens - oxygen, axis=1)
        assert np.isclose(distance, 1.8, atol=1e-6).any()  # O-O 2.8 A, linear


def test_ion_starts_above_a_chloride_of_the_salt_or_in_a_hollow_of_gold():
    on_salt = hydrate("Na", 3, "NaCl", seed=1)
    ion = on_salt.positions[on_salt.get_tags() == ION][0]
    top = on_salt[(on_salt.get_tags() == SUBSTRATE) & (on_salt.positions[:, 2] > -0.1)]
    lateral = np.linalg.norm(top.positions[:, :2] - ion[:2], axis=1)
    assert lateral.min() == 0 and top.symbols[lateral.argmin()] == "Cl"
    on_gold = hydrate("K", 3, "Au", seed=1)
    ion = on_gold.positions[on_gold.get_tags() == ION][0]
    top = on_gold[(on_gold.get_tags() == SUBSTRATE) & (on_gold.positions[:, 2] > -0.1)]
    lateral = np.sort(np.linalg.norm(top.positions[:, :2] - ion[:2], axis=1))
    np.testing.assert_allclose(lateral[:3], 4.0782 / np.sqrt(6), rtol=1e-6)
    assert np.linalg.norm(ion[:2] - on_gold.cell.lengths()[:2] / 2) < 3


def test_charge_is_that_of_the_ion_with_and_without_the_substrate():
    atoms = hydrate("K", 5, "NaCl", seed=3)
    assert atoms.get_initial_charges().sum() == pytest.approx(1)
    alone = without_substrate(atoms)
    assert alone.info["charge"] == 1
    assert alone.get_initial_charges().sum() == pytest.approx(1)
    assert alone.get_chemical_symbols() == ["K", *"OHH" * 5]
    np.testing.assert_array_equal(alone.positions, atoms.positions[atoms.get_tags() != SUBSTRATE])
    assert not alone.pbc.any() and not alone.constraints
    np.testing.assert_allclose(ion_oxygen_distances(alone), ion_oxygen_distances(atoms))


def test_layers_asked_to_be_free_may_move_and_all_others_not():
    slab = nacl_slab([4, 4], 3)
    for free in (0, 1, 3):
        atoms = hydrate("Na", 3, "NaCl", 1, repeats=[4, 4], free_layers=free)
        fixed = atoms.constraints[0].index
        assert len(fixed) == len(slab) * (3 - free) / 3
        assert (atoms.positions[fixed, 2] < -2.82 * free + 0.1).all()


def test_a_seed_repeats_its_hydrate_and_others_differ():
    one, same, other = (hydrate("Na", 4, "NaCl", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.positions, same.positions)
    gaps = np.sort(get_distances(molecules(one)[:, 0])[1].ravel()) - np.sort(
        get_distances(molecules(other)[:, 0])[1].ravel()
    )
    assert np.abs(gaps).max() > 0.05  # another shape, not the same one turned


@pytest.mark.parametrize("n", [3, 4])
def test_waters_of_simple_sodium_hydrates_stay_in_the_first_shell_at_2_3_to_2_5_a(relaxed, n):
    distance = ion_oxygen_distances(relaxed[n])
    assert first_shell(relaxed[n]).all()
    assert 2.3 <= distance.mean() <= 2.5
    assert distance.min() > 2.28 and distance.max() < 2.55
    assert molecules(relaxed[n])[:, :, 2].min() > 1.0  # none in the salt
    np.testing.assert_allclose(relaxed[n].positions[relaxed[n].get_tags() == SUBSTRATE][:, 2].max(), 0)


def test_relaxed_molecules_are_rigid(relaxed):
    water = molecules(relaxed[4])
    np.testing.assert_allclose(np.linalg.norm(water[:, 1:] - water[:, :1], axis=-1), 1.0, atol=1e-4)


def test_sodium_with_four_waters_stays_over_its_chloride(relaxed):
    tags, positions = relaxed[4].get_tags(), relaxed[4].positions
    top = relaxed[4][(tags == SUBSTRATE) & (positions[:, 2] > -0.1)]
    lateral = np.linalg.norm(top.positions[:, :2] - positions[tags == ION][0, :2], axis=1)
    assert top.symbols[lateral.argmin()] == "Cl"


def test_a_complex_hydrate_with_a_free_layer_of_salt_stays_above_it():
    start = hydrate("Na", 9, "NaCl", 3, free_layers=1, **SMALL)
    relaxed = relax_hydrate(start, engine("openmm"), 3, duration=1.0)
    tags = relaxed.get_tags()
    assert 2.3 <= ion_oxygen_distances(relaxed)[first_shell(relaxed)].mean() <= 2.5
    assert relaxed.positions[tags >= ION, 2].min() > 1.0
    moved = np.linalg.norm(relaxed.positions - start.positions, axis=1)
    salt = (tags == SUBSTRATE) & (start.positions[:, 2] > -0.1)
    assert 0 < moved[salt].max() < 1.5
    assert moved[(tags == SUBSTRATE) & ~salt].max() == 0


def test_potassium_on_gold_keeps_its_shell():
    start = hydrate("K", 4, "Au", 1, repeats=[8, 5])
    relaxed = relax_hydrate(start, engine("openmm"), 1, duration=0.0)
    assert first_shell(relaxed).all()
    assert 2.6 < ion_oxygen_distances(relaxed).mean() < 2.9
    assert molecules(relaxed)[:, 0, 2].min() > 2.0


def test_a_relaxation_repeats_with_its_seed(relaxed):
    again = relax_hydrate(hydrate("Na", 3, "NaCl", 2, **SMALL), engine("openmm"), 2, duration=1.0)
    np.testing.assert_array_equal(again.positions, relaxed[3].positions)
    assert again.info["charge"] == 1 and again.info["anneals"] >= 1


def test_a_hydrate_that_falls_apart_in_every_anneal_is_not_returned():
    start = hydrate("Na", 4, None, 1)
    with pytest.raises(RuntimeError, match="no whole hydrate"):
        relax_hydrate(start, Evaporates(), 1)


def test_whole_numbers_may_be_floats_or_an_array():
    atoms = hydrate("Na", 4.0, "NaCl", 1, repeats=np.array([5, 5]), layers=3.0)
    np.testing.assert_array_equal(atoms.positions, hydrate("Na", 4, "NaCl", 1).positions)


class Evaporates:
    """An engine that takes one molecule away, whatever it is asked."""

    name = "evaporates"

    def minimise(self, atoms, model, state):
        return state

    def run(self, atoms, model, piece, state, seed, frame_interval):
        positions = state.positions.copy()
        positions[-3:] += [0, 0, 5]
        return Sampled(State(positions, None, state.cell), positions[None], state.cell[None], np.zeros((1, 6)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ion": "Li"}, "no hydrate of 'Li'"),
        ({"n": 0}, "1 to 20 waters"),
        ({"n": 21}, "1 to 20 waters"),
        ({"n": 2.5}, "1 to 20 waters"),
        ({"n": float("nan")}, "1 to 20 waters"),
        ({"n": float("inf")}, "1 to 20 waters"),
        ({"seed": -1}, "seed of a hydrate"),
        ({"seed": 0.5}, "seed of a hydrate"),
        ({"substrate": "Cu"}, "no substrate 'Cu'"),
        ({"substrate": "Au", "layers": 2}, "at least 3 layers"),
        ({"vacuum": 0.0}, "vacuum"),
        ({"repeats": [1, 5]}, "too small for a hydrate"),
        ({"repeats": [5]}, "whole numbers"),
        ({"repeats": [float("nan"), 5]}, "whole numbers"),
        ({"free_layers": 4}, "free layers"),
        ({"free_layers": 1.5}, "free layers"),
        ({"substrate": "Au", "free_layers": 1}, "free layers"),
    ],
)
def test_wrong_input_ends_in_a_sentence(change, words):
    with pytest.raises(InputError, match=words):
        hydrate(**({"ion": "Na", "n": 3, "substrate": "NaCl", "seed": 1} | change))
