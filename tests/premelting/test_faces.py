"""Faces of a slab: the two bilayers that the tip meets, upwards, wherever the slab lies in its cell."""

import numpy as np
import pytest

from icescope.premelting.faces import face
from icescope.premelting.layers import bilayers
from icescope.premelting.surface import surface


@pytest.fixture(scope="module")
def slab():
    return surface([3, 3, 3], vacuum=25.0, seed=4)


def arms(atoms) -> np.ndarray:
    molecules = atoms.positions.reshape(-1, 3, 3)
    return molecules[:, 1:] - molecules[:, :1]


def test_upper_face_is_the_top_of_the_slab(slab):
    sheets = bilayers(slab)
    upper = face(slab, sheets, "upper")
    assert np.bincount(upper.arrays["depth"]).tolist() == [216, 216]
    oxygens = upper.positions[::3]
    top = oxygens[upper.arrays["depth"][::3] == 0]
    assert top[:, 2].mean() == pytest.approx(0)
    assert np.ptp(oxygens[:, 2]) == pytest.approx(
        np.sort(slab.positions[::3, 2])[-1] - np.sort(slab.positions[::3, 2])[-144]
    )
    assert ((oxygens[:, :2] >= 0) & (oxygens[:, :2] < slab.cell.lengths()[:2])).all()
    assert np.linalg.norm(arms(upper), axis=-1) == pytest.approx(0.9572)
    assert upper.get_initial_charges()[:3] == pytest.approx([-0.8476, 0.4238, 0.4238])
    assert upper.pbc.tolist() == [True, True, False]


def test_lower_face_is_that_of_the_slab_turned_upside_down(slab):
    sheets = bilayers(slab)
    turned = slab.copy()
    turned.positions = slab.positions * [1, -1, -1]
    expected, found = face(turned, sheets, "upper"), face(slab, sheets, "lower")
    assert found.positions == pytest.approx(expected.positions)
    lower = np.sort(slab.positions[::3, 2])[:72]
    assert np.sort(-found.positions[::3][found.arrays["depth"][::3] == 0][:, 2]) == pytest.approx(lower - lower.mean())


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_face_is_the_same_wherever_the_slab_lies_and_however_it_is_wrapped(slab, side):
    sheets, edges = bilayers(slab), slab.cell.lengths()
    expected = face(slab, sheets, side)
    for shift in (10.0, 23.0, 35.0):
        moved = slab.copy()
        moved.positions += [0, 0, shift]
        moved.positions -= edges * np.floor(moved.positions / edges)  # atom by atom, so that molecules are cut
        found = face(moved, sheets, side)
        apart = found.positions - expected.positions
        apart[:, :2] -= edges[:2] * np.round(apart[:, :2] / edges[:2])
        assert apart == pytest.approx(0, abs=1e-9)


def test_heights_count_from_below_a_molecule_that_stands_above(slab):
    sheets = bilayers(slab)
    above = slab.copy()
    top = 3 * int(slab.positions[::3, 2].argmax())
    above.positions[top : top + 3, 2] += 2.5
    upper = face(above, sheets, "upper")
    assert upper.positions[::3, 2].max() == pytest.approx(1.2)
