import numpy as np
from ase import Atoms

from icescope.learning.decoding import SURE, confidence_under_rules


def test_a_molecule_with_a_doubtful_hydrogen_is_not_settled():
    """Nor one that the rules could not settle; a hydrogen whose oxygen is outside says nothing of the ion beside it."""
    atoms = Atoms("OH2OH2OH2NaH", np.zeros((11, 3)))
    atoms.set_array("confidence", np.array([1, 1, 1, 1, 1, SURE - 0.01, 1, 1, 1, 1, 0.2]))
    atoms.set_array("peak", np.ones(11, bool))
    atoms.set_array("molecule", np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, -1, -1]))
    atoms.set_array("settled", np.array([True] * 6 + [False] * 3 + [True, False]))
    settled = confidence_under_rules(atoms, {}).arrays["settled"]
    assert settled.tolist() == [True] * 3 + [False] * 6 + [True, False]
    assert atoms.arrays["settled"][:6].all()  # what was given is as it was


def test_the_confidence_that_counts_is_the_calibrated_one():
    water = Atoms("OH2", np.zeros((3, 3)))
    water.set_array("confidence", np.full(3, 0.6))
    water.set_array("peak", np.ones(3, bool))
    water.set_array("molecule", np.zeros(3, int))
    water.set_array("settled", np.ones(3, bool))
    assert not confidence_under_rules(water, {}).arrays["settled"].any()
    learnt = {"calibration_under_rules": {"H settled": [1.0, 3.0]}}
    assert confidence_under_rules(water, learnt).arrays["settled"].all()
