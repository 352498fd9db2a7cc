import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from icescope.learning.calibration import best_thresholds, calibrate, probability, right_or_wrong
from icescope.reliability import expected_calibration_error

RADIUS = {"O": 0.74, "H": 0.528}


def overconfident(atoms=20_000, seed=0):
    """Hydrogens that are right with probability p, and claim the odds of p squared; oxygens that claim p."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.1, 0.95, atoms)
    right = rng.uniform(size=atoms) < p
    claimed = p**2 / (p**2 + (1 - p) ** 2)
    species = np.where(np.arange(atoms) % 2, "H", "O")
    return p, pd.DataFrame({"species": species, "confidence": np.where(species == "H", claimed, p), "right": right})


def test_calibration_finds_the_odds_that_were_squared():
    p, atoms = overconfident()
    calibration = calibrate(atoms)
    # Some 10,000 atoms a species leave a standard error of 0.03 in slope and intercept.
    assert calibration["O"] == pytest.approx([1.0, 0.0], abs=0.1)
    assert calibration["H"] == pytest.approx([0.5, 0.0], abs=0.1)
    np.testing.assert_allclose(probability(atoms.confidence, atoms.species, calibration), p, atol=0.03)


def test_calibration_learnt_on_some_atoms_lowers_the_error_of_others():
    calibration = calibrate(overconfident(seed=1)[1])
    _, other = overconfident(seed=2)
    hydrogen = other[other.species == "H"]
    before = expected_calibration_error(hydrogen.confidence.values, hydrogen.right.values)
    after = expected_calibration_error(
        probability(hydrogen.confidence, hydrogen.species, calibration), hydrogen.right.values
    )
    assert before > 0.05 > 0.03 > after


def test_few_atoms_keep_their_confidence():
    atoms = pd.DataFrame({"species": "O", "confidence": [0.3, 0.8], "right": [False, True]})
    assert calibrate(atoms) == {"O": [1.0, 0.0]}
    assert probability(np.array([0.3, 0.8]), np.array(["O", "Na"]), calibrate(atoms)) == pytest.approx([0.3, 0.8])
    assert probability(np.empty(0), np.empty(0), {}).shape == (0,)


def test_an_atom_is_right_once_and_counts_only_inside_the_window():
    true = Atoms("OOH", [[1, 1, 0], [9.9, 5, 0], [2, 1, 0]])
    found = Atoms("OOOH", [[1.1, 1, 0], [1.2, 1, 0], [10.2, 5, 0], [3, 1, 0]])
    found.set_array("confidence", np.array([0.9, 0.8, 0.7, 0.6]))
    rows = right_or_wrong([found], [true], [10, 10, 3], RADIUS)
    assert rows.species.tolist() == ["O", "O", "H"]  # the third oxygen is outside
    assert rows.right.tolist() == [True, False, False]


def test_best_threshold_lies_between_atoms():
    """The two brightest of three oxygens are right, so that the best threshold keeps those two; both hydrogens are."""
    oxygens = pd.DataFrame({"species": "O", "confidence": [0.4, 0.9, 0.7], "right": [False, True, True]})
    hydrogens = pd.DataFrame({"species": "H", "confidence": [0.8, 0.6], "right": True})
    found = best_thresholds(pd.concat([oxygens, hydrogens]), {"O": 2, "H": 2})
    assert found == pytest.approx({"O": 0.55, "H": 0.3})  # 0.3: where all are right, half of the faintest
