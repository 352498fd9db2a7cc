import numpy as np
import pytest
from scipy.stats import norm

from icescope.amorphous.classifier import calibration_error, confusion
from icescope.amorphous.classifier_training import best_temperature, train_classifier
from icescope.amorphous.splits import split_at_random
from icescope.errors import InputError

SETTINGS = {"scaling": "standardised", "batch_size": 256, "learning_rate": 1e-3, "epochs": 30}
APART = 2.0  # standard deviations between the two phases
COUNT = 3000  # of each


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, dict]:
    """Two normal distributions in 8 features of very different sizes; only the first feature tells them apart."""
    rng = np.random.default_rng(1)
    phase = np.repeat([0, 1], COUNT)
    descriptors = rng.normal(size=(2 * COUNT, 8))
    descriptors[:, 0] += APART * phase
    descriptors = (descriptors * 10.0 ** np.arange(-3, 5) + 100).astype(np.float32)
    return descriptors, phase, split_at_random(phase, seed=2)


@pytest.fixture(scope="module")
def trained(data):
    return train_classifier(*data, SETTINGS, seed=3)


def test_as_right_as_can_be(data, trained):
    """No classifier beats the line half way between, right in Phi(d / 2) of cases; 1200 tests give +- 0.01."""
    descriptors, phase, parts = data
    test = parts["test"]
    probabilities = trained[0].probabilities(descriptors[test])
    best = norm.cdf(APART / 2)
    right = (probabilities.argmax(1) == phase[test]).mean()
    assert best - 0.04 < right < best + 0.03
    counts = confusion(probabilities, phase[test])
    assert counts.sum() == len(test) and np.trace(counts) / counts.sum() == right
    assert (counts.sum(1) == len(test) // 2).all()


def test_probabilities_mean_what_they_say(data, trained):
    """The odds of two normal distributions are exp(d (x - d / 2)), x in standard deviations."""
    descriptors, phase, parts = data
    test = parts["test"]
    probabilities = trained[0].probabilities(descriptors[test])
    assert calibration_error(probabilities, phase[test]) < 0.05
    x = (descriptors[test, 0].astype(float) - 100) * 1e3
    true = 1 / (1 + np.exp(-APART * (x - APART / 2)))
    assert np.abs(probabilities[:, 1] - true).mean() < 0.05
    np.testing.assert_allclose(probabilities.sum(1), 1)


def test_one_molecule_is_as_it_is_among_others(data, trained):
    descriptors = data[0][:50]
    all_of_them = trained[0].probabilities(descriptors)
    np.testing.assert_allclose(trained[0].probabilities(descriptors[7:8]), all_of_them[7:8], atol=1e-5)


def test_the_best_epoch_is_kept(data, trained):
    classifier, history = trained
    descriptors, phase, parts = data
    log_odds = classifier.log_odds(descriptors[parts["validation"]])
    exponents = np.exp(log_odds - log_odds.max(1, keepdims=True))
    likelihood = exponents / exponents.sum(1, keepdims=True)
    loss = -np.log(likelihood[np.arange(len(log_odds)), phase[parts["validation"]]]).mean()
    assert loss == pytest.approx(history.validation_loss.min(), rel=1e-3)
    assert history.epoch.iloc[-1] <= history.epoch[history.validation_loss.idxmin()] + 10


def test_the_same_seed_gives_the_same_weights(data):
    short = SETTINGS | {"epochs": 2}
    first, second, other = (train_classifier(*data, short, seed)[0] for seed in (4, 4, 5))
    descriptors = data[0][:20]
    assert (first.log_odds(descriptors) == second.log_odds(descriptors)).all()
    assert not (first.log_odds(descriptors) == other.log_odds(descriptors)).any()


def test_shuffled_phases_teach_nothing(data):
    descriptors, phase, parts = data
    shuffled = np.random.default_rng(6).permutation(phase)
    classifier, _ = train_classifier(descriptors, shuffled, parts, SETTINGS, seed=7)
    test = parts["test"]
    assert (classifier.probabilities(descriptors[test]).argmax(1) == shuffled[test]).mean() < 0.56  # 0.5 +- 0.014
    assert classifier.probabilities(descriptors[test]).max(1).mean() < 0.65


def test_scaling_can_be_left_out(data):
    classifier, _ = train_classifier(*data, SETTINGS | {"scaling": "none", "epochs": 2}, seed=8)
    assert (classifier.mean == 0).all() and (classifier.deviation == 1).all()


def test_a_feature_that_never_changes(data):
    descriptors, phase, parts = data
    constant = np.concatenate([descriptors, np.full((len(descriptors), 1), 3.0, np.float32)], axis=1)
    classifier, _ = train_classifier(constant, phase, parts, SETTINGS | {"epochs": 2}, seed=9)
    assert np.isfinite(classifier.probabilities(constant)).all()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_is_found(temperature):
    rng = np.random.default_rng(10)
    log_odds = rng.normal(scale=2, size=(20000, 3))
    likelihood = np.exp(log_odds) / np.exp(log_odds).sum(1, keepdims=True)
    phase = (likelihood.cumsum(1) < rng.random((len(log_odds), 1))).sum(1).clip(max=2)
    assert best_temperature(log_odds * temperature, phase) == pytest.approx(temperature, rel=0.05)


def test_calibration_error_of_a_boaster():
    assert calibration_error(np.tile([1.0, 0.0], (100, 1)), np.arange(100) % 2) == pytest.approx(0.5, abs=0.05)
    assert calibration_error(np.tile([1.0, 0.0], (100, 1)), np.zeros(100, int)) == 0


def test_bad_input(data):
    descriptors, phase, parts = data
    with pytest.raises(InputError, match="scaling is 'most'; take one of standardised, none"):
        train_classifier(*data, SETTINGS | {"scaling": "most"}, seed=1)
    broken = descriptors.copy()
    broken[5, 0] = np.nan
    with pytest.raises(InputError, match="not finite numbers"):
        train_classifier(broken, phase, parts, SETTINGS, seed=1)
