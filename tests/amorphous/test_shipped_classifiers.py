"""The classifiers that ship: each loads, is small, and its card names what it is and what stands behind it."""

import numpy as np
import pytest

from icescope.amorphous.phase_weights import load_classifier, shipped_classifier
from icescope.amorphous.phases import MODELS
from icescope.amorphous.soap import soap
from icescope.structures.ice import ice_ih

LARGEST = 16e6  # bytes


@pytest.mark.parametrize("descriptors", ["O", "O,H"])
@pytest.mark.parametrize("model", MODELS)
def test_classifiers_that_ship(model, descriptors):
    path = shipped_classifier(model, descriptors)
    classifier, card = load_classifier(path)
    assert path.stat().st_size <= LARGEST
    assert (card["model"], tuple(card["phases"]), card["descriptors"]) == (model, MODELS[model], descriptors)
    probabilities = classifier.probabilities(soap(ice_ih((2, 2, 2), seed=1), descriptors))
    assert probabilities.shape == (128, len(MODELS[model]))
    np.testing.assert_allclose(probabilities.sum(1), 1)
