from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from icescope.maps.scores import accuracy, accuracy_table, count, match

RADIUS = {"O": 0.74, "H": 0.528}
points = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=5).map(lambda p: np.array(p).reshape(-1, 2))


def structure(symbols, positions, pose=None):
    atoms = Atoms(symbols, [[*p, 0] for p in positions])
    atoms.set_array("pose", np.array(pose or [""] * len(atoms), dtype="<U4"))
    return atoms


@settings(max_examples=60, deadline=None)
@given(points, points)
def test_matching_uses_each_atom_once_and_finds_the_most_pairs(predicted, true):
    i, j = match(predicted, true, 0.74)
    assert len(set(i)) == len(i) == len(set(j))
    distance = np.linalg.norm(predicted[:, None] - true[None], axis=-1)
    assert (distance[i, j] <= 0.74).all()
    if len(predicted) > len(true):
        distance = distance.T
    ways = permutations(range(distance.shape[1]), len(distance))
    most = max(sum(distance[a, b] <= 0.74 for a, b in enumerate(way)) for way in ways)
    assert len(i) == most


def test_two_predictions_at_one_atom_are_one_right_and_one_wrong():
    table = count(structure("OO", [[5, 5], [5.3, 5]]), structure("O", [[5.1, 5]]), [25, 25], RADIUS)
    assert table.loc["O"].tolist() == [1, 1, 0]


def test_accuracy_by_hand():
    predicted = structure("OOHH", [[5, 5], [9, 9], [6, 5], [4, 5]], ["", "", "flat", "up"])
    true = structure("OOHH", [[5, 5.5], [15, 15], [6, 5], [4, 5]], ["", "", "flat", "down"])
    table = accuracy(count(predicted, true, [25, 25], RADIUS))
    assert table["O"] == pytest.approx(1 / 3)  # one found, one made up, one missed
    assert table["H"] == 1.0 and table["H flat"] == 1.0
    assert table["H up"] == 0.0 and table["H down"] == 0.0  # the right place with the wrong pose


def test_atoms_beyond_the_window_neither_help_nor_hurt():
    inside_and_out = structure("OO", [[5, 5], [25.1, 5]])
    assert count(structure("OO", [[5, 5], [24.9, 5]]), inside_and_out, [25, 25], RADIUS).loc["O"].tolist() == [1, 0, 0]
    assert count(structure("O", [[5, 5]]), inside_and_out, [25, 25], RADIUS).loc["O"].tolist() == [1, 0, 0]


def test_perfect_prediction_scores_one_and_empty_scores_zero():
    true = structure("OHH", [[5, 5], [6, 5], [5, 6]], ["", "flat", "flat"])
    assert (accuracy(count(true, true, [25, 25], RADIUS)).dropna() == 1).all()
    assert (accuracy(count(true[:0], true, [25, 25], RADIUS)).dropna() == 0).all()


def test_pooled_accuracy_counts_atoms_not_windows_and_bars_are_the_best_and_worst_fifth():
    def table(true_positive, false_positive):
        columns = ["true_positive", "false_positive", "false_negative"]
        return pd.DataFrame([[true_positive, false_positive, 0]], index=["O"], columns=columns)

    counts = [table(9, 1), table(1, 1), table(5, 5), table(0, 10), table(10, 0)]
    loss = np.array([0.2, 0.4, 0.3, 0.9, 0.1])
    row = accuracy_table(counts, loss).loc["O"]
    assert row.accuracy == pytest.approx(25 / 42)
    assert (row.best, row.worst) == (1.0, 0.0)
