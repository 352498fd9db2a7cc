"""Faces of ice read from images by the weights that ship, and the scores of readings made by hand."""

import numpy as np
import pytest
from ase import Atoms

from icescope.cli import WEIGHTS
from icescope.learning.surface_reading import compare, face_stack, in_cell, read_face
from icescope.learning.weights import load_weights
from icescope.premelting.faces import face
from icescope.premelting.layers import bilayers
from icescope.premelting.surface import surface

RADIUS = {"O": 0.74, "H": 0.528}


@pytest.fixture(scope="module")
def ice() -> Atoms:
    slab = surface([3, 3, 2], vacuum=25.0, seed=4)
    return face(slab, bilayers(slab), "upper")


def as_read(there: Atoms, shift=(0.0, 0.0, 0.0)) -> Atoms:
    """A reading without a fault, of the cell alone, moved as a whole."""
    atoms = there[there.arrays["depth"] == 0]
    atoms.positions[:, :2] %= there.cell.lengths()[:2]
    atoms.positions += shift
    atoms.set_array("confidence", np.ones(len(atoms)))
    return atoms


def test_perfect_reading_scores_everything_wherever_the_images_begin(ice):
    for shift in ((0, 0, 0), (0.3, -0.2, 0.1)):
        row = compare(as_read(ice, shift), ice, {"O": 0.74, "H": 0.74})
        # Moved, what has left the cell on one side is matched to the image there.
        assert row["O false_positive"] == row["H false_positive"] == 0
        assert row["O true_positive"] + row["O false_negative"] == 72
        assert row["O true_positive"] >= 60
        assert row["hexagonal_order"] == row["hexagonal_order read"] == pytest.approx(1)
        assert row["vertical_error"] == pytest.approx(shift[2])
    row = compare(as_read(ice), ice, RADIUS)
    assert [row[f"{symbol} true_positive"] for symbol in "OH"] == [72, 144]


def test_faults_are_counted(ice):
    read = as_read(ice)
    oxygens = np.flatnonzero(read.symbols == "O")
    inner = oxygens[((read.positions[oxygens] > 5) & (read.positions[oxygens] < 18))[:, :2].all(axis=1)]
    missing, moved = inner[:2]
    read.positions[moved, 0] += 1.0
    del read[[missing]]
    row = compare(read, ice, RADIUS)
    assert [row[f"O {name}"] for name in ("true_positive", "false_positive", "false_negative")] == [70, 1, 2]
    assert row["H true_positive"] == 144
    assert row["hexagonal_order read"] < row["hexagonal_order"]


def test_nothing_read_has_no_order(ice):
    read = as_read(ice)[:0]
    row = compare(read, ice, RADIUS)
    assert row["O false_negative"] == 72
    assert row["hexagonal_order read"] == 0
    assert np.isnan(row["vertical_error"])


def test_atom_on_the_boundary_is_read_once(ice):
    width, depth = ice.cell.lengths()[:2]
    places = [
        [0.02, 5, 0],
        [width - 0.03, 5, 0],
        [width + 0.02, 5, 0],
        [10, -0.4, 0],
        [10, depth - 0.4, 0],
        [12, 12, 0],
    ]
    read = Atoms("OOOOOH", places)
    read.set_array("confidence", np.array([0.9, 0.8, 0.7, 0.6, 0.95, 0.5]))
    once = in_cell(read, ice)
    assert sorted(once.arrays["confidence"]) == [0.5, 0.9, 0.95]
    assert ((once.positions[:, :2] >= 0) & (once.positions[:, :2] < [width, depth])).all()


@pytest.fixture(scope="module")
def weights():
    return load_weights(WEIGHTS)


def test_images_are_periodic(ice, weights):
    _, card = weights
    stack = face_stack(ice, card["pixel_size"])
    assert stack.sizes["height"] == 21
    moved = ice.copy()
    steps = 5 * float(stack.x[1] - stack.x[0])
    moved.positions[:, 0] += steps
    np.testing.assert_allclose(
        face_stack(moved, card["pixel_size"]).values, np.roll(stack.values, 5, axis=2), atol=0.05
    )


def test_shipped_weights_read_the_surface_of_ice(ice, weights):
    """They have seen films on gold, and no ice: all 72 oxygens are found, and of hydrogens most."""
    network, card = weights
    row = compare(read_face(face_stack(ice, card["pixel_size"]), network, card), ice, RADIUS)
    assert row["O true_positive"] == 72
    assert row["O false_positive"] == 0
    assert row["hexagonal_order read"] == pytest.approx(1)
    assert row["vertical_error"] < 0.15
    right, wrong, missed = (row[f"H {name}"] for name in ("true_positive", "false_positive", "false_negative"))
    assert right / (right + wrong + missed) > 0.8
