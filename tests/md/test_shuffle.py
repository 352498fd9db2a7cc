"""The shuffle of layers: whole molecules, in their plane, minimised, resumable."""

import numpy as np
import pytest
from ase import Atoms

from icescope.errors import InputError
from icescope.md import shuffle
from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.shuffle import TRIES, displace_layer, shuffle_layers
from icescope.structures.ice import ice_ih

MODEL = Model(lj_cutoff=6.0, coulomb_cutoff=6.0)


@pytest.fixture(scope="module")
def crystal():
    return ice_ih([2, 2, 2], seed=3)


def test_a_layer_moves_as_one_within_its_plane(crystal):
    rng = np.random.default_rng(0)
    edges = crystal.cell.lengths()
    seen = set()
    for _ in range(30):
        step = (displace_layer(crystal.positions, edges, rng) - crystal.positions).reshape(-1, 3, 3)
        moved = np.abs(step).max(axis=(1, 2)) > 1e-9
        if not moved.any():
            continue
        shift = step[moved].reshape(-1, 3)
        np.testing.assert_allclose(shift, np.tile(shift[0], (len(shift), 1)), atol=1e-9)
        (axis,) = np.flatnonzero(shift[0] == 0)
        seen.add(int(axis))
        along = crystal.positions[::3, axis][moved] % edges[axis]
        gaps = np.diff(np.sort(np.append(along, along.min() + edges[axis])))
        assert edges[axis] - gaps.max() <= edges[axis] / 2  # they lie in one layer, over the cell's face or not
    assert seen == {0, 1, 2}


def test_the_shuffled_crystal_has_new_neighbours_but_the_same_cell_and_rigid_molecules(crystal, tmp_path):
    shuffled = shuffle_layers(crystal, MODEL, engine("openmm"), 4, 7, tmp_path)
    np.testing.assert_array_equal(shuffled.cell.array, crystal.cell.array)
    molecules = shuffled.positions.reshape(-1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1), 0.9572, rtol=2e-5)
    assert np.abs(shuffled.positions - crystal.positions).max() > 1
    oxygens = shuffled[shuffled.numbers == 8]
    distances = oxygens.get_all_distances(mic=True)[np.triu_indices(len(oxygens), 1)]
    assert distances.min() > 2.4  # no overlap is left


def test_a_shuffle_that_dies_ends_as_the_unbroken_one(crystal, tmp_path, monkeypatch):
    unbroken = shuffle_layers(crystal, MODEL, engine("openmm"), 3, 7, tmp_path / "unbroken")
    real, rounds = shuffle.displace_layer, []

    def dies(*arguments):
        rounds.append(1)
        if len(rounds) in (2, 4):
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(shuffle, "displace_layer", dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            shuffle_layers(crystal, MODEL, engine("openmm"), 3, 7, tmp_path / "broken")
    again = shuffle_layers(crystal, MODEL, engine("openmm"), 3, 7, tmp_path / "broken")
    assert len(rounds) == 5  # no round is done twice
    np.testing.assert_array_equal(again.positions, unbroken.positions)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda atoms: atoms + Atoms("Na", [[1, 1, 1]]), "holds other atoms"),
        (lambda atoms: Atoms(atoms, cell=[[18, 0, 0], [2, 16, 0], [0, 0, 15]]), "not orthorhombic"),
    ],
)
def test_what_cannot_be_shuffled_is_refused(crystal, tmp_path, change, words):
    with pytest.raises(InputError, match=words):
        shuffle_layers(change(crystal.copy()), MODEL, engine("openmm"), 1, 1, tmp_path)
    with pytest.raises(InputError, match="asked for 0 rounds"):
        shuffle_layers(crystal, MODEL, engine("openmm"), 0, 1, tmp_path)


class Stubborn:
    """An engine that finds no minimum in the first tries."""

    name = "stubborn"

    def __init__(self, failures: int):
        self.failures = failures

    def minimise(self, atoms, model, state):
        self.failures -= 1
        if self.failures >= 0:
            raise InputError("molecules are too close.")
        return state


def test_a_displacement_without_a_minimum_is_drawn_again(tmp_path):
    atoms = ice_ih([2, 2, 2], 1)
    shuffled = shuffle_layers(atoms, Model(), Stubborn(TRIES - 1), 1, 1, tmp_path / "a")
    assert (shuffled.positions != atoms.positions).any()
    with pytest.raises(InputError, match="too close"):
        shuffle_layers(atoms, Model(), Stubborn(TRIES), 1, 1, tmp_path / "b")
