"""Shuffled phases teach nothing, mixtures hold no intermediate ice, thresholds are judged on what they never saw."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.nulls import BLEND, MOLECULES, baselines, mixture_null, shuffled_phases
from icescope.amorphous.splits import split_at_random

SHARES = np.linspace(0, 1, 11)
THRESHOLDS = (0.8, 0.95)
APART = 12.0  # of log odds between pure LDA and pure HDA


@pytest.fixture(scope="module")
def classifier() -> PhaseClassifier:
    """Log odds of HDA are the first feature, nearly: tanh is linear where it is small."""
    made = PhaseClassifier(3, 2)
    with torch.no_grad():
        for layer in (made.layers[0], made.layers[3], made.layers[6]):
            layer.weight.zero_()
            layer.bias.zero_()
        made.layers[0].weight[0, 0] = 1e-3
        made.layers[3].weight[0, 0] = 1.0
        made.layers[6].weight[1, 0] = 1e3
    return made


@pytest.fixture(scope="module")
def ices() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    lda, hda = (rng.normal(size=(500, 3)).astype(np.float32) for _ in range(2))
    lda[:, 0] -= APART / 2
    hda[:, 0] += APART / 2
    return lda, hda


@pytest.fixture(scope="module")
def null(classifier, ices):
    return mixture_null(classifier, *ices, SHARES, THRESHOLDS, seed=2)


def test_a_blend_is_uncertain_half_way_and_certain_at_its_ends(null):
    """Log odds of a blend of half: normal, about 0, of deviation sqrt(1/2); uncertain between +-ln(t / (1 - t))."""
    blend = null[null.kind == BLEND].set_index(["share", "threshold"])
    for threshold in THRESHOLDS:
        edge = np.log(threshold / (1 - threshold))
        expected = norm.cdf(edge, scale=0.5**0.5) - norm.cdf(-edge, scale=0.5**0.5)
        assert blend.IA[0.5, threshold] == pytest.approx(expected, abs=0.03)
        assert blend.IA[0, threshold] < 0.05 and blend.IA[1, threshold] < 0.05
    np.testing.assert_allclose(null[["LDA", "HDA", "IA"]].sum(axis=1), 1)


def test_a_mixture_of_molecules_is_as_uncertain_as_its_ices(null):
    mixed = null[(null.kind == MOLECULES) & (null.threshold == 0.95)].set_index("share")
    straight = mixed.IA[0] + mixed.index * (mixed.IA[1] - mixed.IA[0])
    np.testing.assert_allclose(mixed.IA, straight, atol=0.01)
    np.testing.assert_allclose(mixed.HDA / (mixed.HDA + mixed.LDA), SHARES, atol=0.01)


def test_both_mixtures_agree_where_there_is_only_one_ice(null):
    rows = null.pivot(index=["share", "threshold"], columns="kind", values="IA")
    for share in (0.0, 1.0):
        np.testing.assert_allclose(rows.loc[share][BLEND], rows.loc[share][MOLECULES], atol=1e-3)


def test_a_seed_is_a_mixture(classifier, ices, null):
    again = mixture_null(classifier, *ices, SHARES, THRESHOLDS, seed=2)
    assert again.equals(null)
    assert not mixture_null(classifier, *ices, SHARES, THRESHOLDS, seed=3).equals(null)


def test_shuffled_phases_are_as_many_in_each_part_and_true_in_the_test():
    phase = np.repeat([0, 1, 2], 1000)
    parts = split_at_random(phase, seed=4)
    shuffled = shuffled_phases(phase, parts, seed=5)
    assert (shuffled[parts["test"]] == phase[parts["test"]]).all()
    for part in ("train", "validation"):
        index = parts[part]
        assert (np.bincount(shuffled[index]) == np.bincount(phase[index])).all()
        assert (shuffled[index] == phase[index]).mean() == pytest.approx(1 / 3, abs=0.05)
    assert (phase == np.repeat([0, 1, 2], 1000)).all()  # what was given is left as it was


def test_thresholds_are_as_right_as_the_overlap_allows_either_way_up():
    rng = np.random.default_rng(6)
    phase = np.repeat([0, 1, 2], 3000)
    order = {"rises": rng.normal(2.0 * phase), "falls": rng.normal(-2.0 * phase), "nothing": rng.normal(size=9000)}
    parts = split_at_random(phase, seed=7)
    found = baselines(order, phase, parts).set_index(["parameter", "pair"])
    assert found.accuracy["rises", "0-1"] == pytest.approx(norm.cdf(1), abs=0.03)
    assert found.accuracy["falls", "1-2"] == pytest.approx(norm.cdf(1), abs=0.03)
    assert found.accuracy["rises", "0-2"] == pytest.approx(norm.cdf(2), abs=0.02)
    assert found.accuracy["nothing"].to_numpy() == pytest.approx([0.5] * 3, abs=0.05)
    assert (found.training_accuracy["nothing"] > 0.5).all()  # chosen there: always a little better
    assert found.above["rises", "0-2"] == 2 and found.above["falls", "0-2"] == 0
    assert (found.molecules == 1200).all()


def test_a_threshold_that_does_not_hold_on_the_test_part_is_found_out():
    values = np.array([1.0, 2, 3, 4, 4, 3, 2, 1])
    phase = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    (row,) = baselines({"q": values}, phase, {"train": [0, 1, 2, 3], "test": [4, 5, 6, 7]}).itertuples()
    assert (row.training_accuracy, row.accuracy, row.threshold) == (1.0, 0.0, 2.5)
