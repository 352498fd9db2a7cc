import numpy as np
import pytest
import torch

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.importance import _lenders, permutation_importance

COUNT = 1000


@pytest.fixture(scope="module")
def classifier() -> PhaseClassifier:
    """With weights at random, of 12 features and three phases."""
    torch.manual_seed(1)
    made = PhaseClassifier(12, 3)
    made.mean.normal_()
    made.deviation.uniform_(0.5, 2)
    for layer in made.layers:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=2 / layer.in_features**0.5)
    return made


@pytest.fixture(scope="module")
def data(classifier) -> tuple[np.ndarray, np.ndarray]:
    """Features that go together, and the phases that the classifier sees, a fifth of them wrong."""
    rng = np.random.default_rng(2)
    descriptors = (rng.normal(size=(COUNT, 12)) @ rng.normal(size=(12, 12)) / 3).astype(np.float32)
    phase = classifier.log_odds(descriptors).argmax(1)
    wrong = rng.random(COUNT) < 0.2
    return descriptors, np.where(wrong, rng.integers(0, 3, COUNT), phase)


def naive(classifier, descriptors, phase, group, repeats, rng):
    """As the formula says, one permutation after another, all phases."""

    def accuracy(x):
        return (classifier.log_odds(x).argmax(1) == phase).mean()

    lost = []
    for _ in range(repeats):
        shuffled = descriptors.copy()
        shuffled[:, group] = shuffled[rng.permutation(len(phase))][:, group]
        lost.append(accuracy(descriptors) - accuracy(shuffled))
    return np.mean(lost), np.std(lost, ddof=1) / np.sqrt(repeats)


@pytest.mark.parametrize("group", [[3], [0, 5, 7]])
def test_against_the_naive_loop(classifier, data, group):
    rng = np.random.default_rng(3)
    expected, error = naive(classifier, *data, group, 20, rng)
    found = permutation_importance(classifier, *data, [group], seed=4, repeats=20)["0-1-2"][0]
    assert found == pytest.approx(expected, abs=4 * 2**0.5 * error)


def test_a_few_spread_repeats_are_worth_ten(classifier, data):
    """Scatter between seeds, against that of the mean of ten independent permutations: not larger."""
    groups = [[feature] for feature in range(6)]
    ours = [permutation_importance(classifier, *data, groups, seed)["0-1-2"] for seed in range(12)]
    rng = np.random.default_rng(5)
    theirs = [naive(classifier, *data, group, 20, rng)[1] * np.sqrt(2) for group in groups]  # of ten
    assert np.sqrt(np.mean(np.var(ours, axis=0, ddof=1))) < 1.1 * np.sqrt(np.mean(np.square(theirs)))


def test_a_feature_alone_by_hand():
    """Phase 1 where the only feature used is positive: shuffled, it is right in half of the cases."""
    rng = np.random.default_rng(6)
    descriptors = rng.normal(size=(10000, 3)).astype(np.float32)
    phase = (descriptors[:, 1] > 0).astype(int)
    made = PhaseClassifier(3, 2)
    with torch.no_grad():
        for layer in (made.layers[0], made.layers[3], made.layers[6]):
            layer.weight.zero_()
            layer.bias.zero_()
        made.layers[0].weight[0, 1] = made.layers[3].weight[0, 0] = made.layers[6].weight[1, 0] = 1.0
    found = permutation_importance(made, descriptors, phase, [[0], [1], [2], [0, 1]], seed=7)["0-1"]
    assert found.tolist() == pytest.approx([0, 0.5, 0, 0.5], abs=0.02)


def test_pairs_are_of_their_own_molecules(classifier, data):
    descriptors, phase = data
    some = phase != 1
    alone = permutation_importance(classifier, descriptors[some], phase[some], [[2]], seed=8)
    assert list(alone) == ["0-2"]
    together = permutation_importance(classifier, *data, [[2]], seed=9)
    assert list(together) == ["0-1", "0-2", "1-2", "0-1-2"]
    assert together["0-2"][0] == pytest.approx(alone["0-2"][0], abs=0.03)


def test_every_repeat_is_a_permutation():
    values = np.random.default_rng(10).normal(size=100)
    repeats = _lenders(values, 4, np.random.default_rng(11))
    assert all(sorted(lender) == list(range(100)) for lender in repeats)
    ranks = np.sort(np.argsort(np.argsort(values))[np.array(repeats)], axis=0)
    assert (np.diff(ranks, axis=0) == 25).all()  # each molecule borrows from all quarters
