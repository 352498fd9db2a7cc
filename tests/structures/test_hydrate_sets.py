"""Sets of hydrates: each member its own, placed in a window, in a store that is read like one of windows."""

import numpy as np
import pytest

from icescope import storage
from icescope.errors import InputError
from icescope.maps.avdw import render_stacks
from icescope.md.openmm_engine import OpenMM
from icescope.structures import hydrate_sets
from icescope.structures.hydrate import ION, first_shell
from icescope.structures.hydrate_sets import EDGE, relaxed_hydrates
from icescope.structures.layer import LAYER, layer_height
from icescope.structures.samples import atoms_of

HYDRATES = {"anneal_temperature": 100.0, "anneal": 0.2}
MEMBERS = {"ion": "Na", "substrate": "NaCl", "waters": [3, 4]}
SIZE = [25.0, 25.0, 3.0]


@pytest.fixture
def at_rest(monkeypatch):
    """Leave the relaxation out."""
    monkeypatch.setattr(hydrate_sets, "relax_hydrate", lambda atoms, *_: atoms)


def distances(atoms):
    return np.sort(atoms.get_all_distances().ravel())


def test_simple_hydrates_come_out_relaxed_with_their_first_shell():
    made = relaxed_hydrates([0, 1], MEMBERS, HYDRATES, SIZE, OpenMM(1), seed=1)
    for sample, waters in enumerate(MEMBERS["waters"]):
        atoms = atoms_of(made, sample)
        atoms.set_tags([ION] + [2] * 3 * waters)
        assert first_shell(atoms).all() and len(first_shell(atoms)) == waters


def test_a_member_depends_on_its_number_and_seed_alone(at_rest):
    all_at_once = relaxed_hydrates(range(4), MEMBERS, HYDRATES, SIZE, None, seed=5)
    last = relaxed_hydrates([3], MEMBERS, HYDRATES, SIZE, None, seed=5)
    np.testing.assert_array_equal(atoms_of(all_at_once, 3).positions, atoms_of(last, 0).positions)
    assert last.member.values.tolist() == [3]
    assert (distances(atoms_of(all_at_once, 1)) - distances(atoms_of(last, 0))).any()
    other = relaxed_hydrates([3], MEMBERS, HYDRATES, SIZE, None, seed=6)
    assert (distances(atoms_of(other, 0)) - distances(atoms_of(last, 0))).any()


def test_members_take_the_numbers_of_waters_in_turn_and_lie_inside_their_window(at_rest):
    members = {"ion": "K", "substrate": "Au", "waters": [3, 5, 8]}
    made = relaxed_hydrates(range(6), members, HYDRATES, SIZE, None, seed=2)
    assert made.atom_count.values.tolist() == [10, 16, 25] * 2
    places = []
    for sample in range(6):
        atoms = atoms_of(made, sample)
        assert atoms.get_initial_charges().sum() == pytest.approx(1, abs=1e-5)
        assert (atoms.positions[:, :2] >= EDGE - 1e-4).all() and (atoms.positions[:, :2] <= 25 - EDGE + 1e-4).all()
        assert atoms.symbols[0] == "K"
        places.append(atoms.positions[0, :2])
    assert np.std(places, axis=0).min() > 1  # not all in the middle
    assert float(made.layer_height[0]) == pytest.approx(layer_height(atoms_of(made, 0)), abs=1e-4)


def test_layer_is_the_mean_oxygen_unless_waters_stand_above(at_rest):
    atoms = atoms_of(relaxed_hydrates([0], MEMBERS, HYDRATES, SIZE, None, seed=3), 0)
    oxygen = np.flatnonzero(atoms.numbers == 8)
    atoms.positions[oxygen, 2] = [2.0, 2.3, 2.6]
    assert layer_height(atoms) == pytest.approx(2.3)
    atoms.positions[oxygen, 2] = [2.0, 2.3, 6.0]
    assert layer_height(atoms) == pytest.approx(6.0 - LAYER)


def test_store_is_read_and_labelled_like_one_of_windows(at_rest, tmp_path):
    made = relaxed_hydrates([0, 1], MEMBERS, HYDRATES, SIZE, None, seed=4)
    storage.write(made, tmp_path / "0.zarr.zip", "hydrates", {})
    back = storage.read(tmp_path / "0.zarr.zip", "hydrates")
    np.testing.assert_array_equal(back.position, made.position)
    labels = {"disc_radius": {"O": 0.75, "H": 0.55, "Na": 1.0}, "pose_bound": 0.7}
    images = back.assign_coords(x=("x", np.arange(64)), y=("y", np.arange(64)))
    maps = render_stacks(images, labels).numpy()
    row, column = (atoms_of(back, 0).positions[0, [1, 0]] * 64 / 25).astype(int)
    np.testing.assert_allclose(maps[0, :, row, column], [0.29, 0.0, 0.51], atol=0.02)  # indigo at the ion


def test_a_structure_that_does_not_come_out_whole_is_drawn_again(monkeypatch):
    starts = []

    def third(atoms, *_):
        starts.append(atoms.positions)
        if len(starts) < 3:
            raise RuntimeError("no whole hydrate above the substrate after 5 anneals")
        return atoms

    monkeypatch.setattr(hydrate_sets, "relax_hydrate", third)
    relaxed_hydrates([0], MEMBERS, HYDRATES, SIZE, None, seed=1)
    assert len(starts) == 3 and (starts[0] - starts[1]).any()

    def never(*_):
        raise RuntimeError("no whole hydrate above the substrate after 5 anneals")

    monkeypatch.setattr(hydrate_sets, "relax_hydrate", never)
    with pytest.raises(InputError, match=r"Na\+ with 3 waters on NaCl came out whole and inside .* none of 10 draws"):
        relaxed_hydrates([0], MEMBERS, HYDRATES, SIZE, None, seed=1)


def test_a_structure_too_wide_for_its_window_is_drawn_again_and_one_that_fits_is_not(at_rest):
    def member(edge):
        made = relaxed_hydrates([0], MEMBERS | {"waters": [12]}, HYDRATES, [edge, edge, 3.0], None, seed=4)
        return atoms_of(made, 0)

    first = member(40.0)
    edge = 2 * EDGE + np.ptp(first.positions[:, :2], axis=0).max()
    np.testing.assert_allclose(distances(member(edge + 0.1)), distances(first), atol=1e-4)
    again = member(edge - 0.1)
    assert np.abs(distances(again) - distances(first)).max() > 0.1
    assert np.ptp(again.positions[:, :2], axis=0).max() < edge - 0.1 - 2 * EDGE


def test_window_too_small_is_one_sentence(at_rest):
    with pytest.raises(InputError, match=r"does not fit a window of 10 x 10 A"):
        relaxed_hydrates([0], MEMBERS, HYDRATES, [10.0, 10.0, 3.0], None, seed=1)
