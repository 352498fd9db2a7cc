import json

import numpy as np
import pytest
import torch

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.phase_weights import load_classifier, save_classifier, shipped_classifier
from icescope.amorphous.phases import MODELS
from icescope.amorphous.soap import DESCRIPTOR_SETS, features
from icescope.errors import InputError
from icescope.learning.weights import load_weights, save_weights


def card(model: str, descriptors: str) -> dict:
    return {"model": model, "phases": list(MODELS[model]), "descriptors": descriptors, "seed": 7}


def classifier(model: str, descriptors: str) -> PhaseClassifier:
    """Untrained, with a scaling and a temperature that are not those it begins with."""
    torch.manual_seed(1)
    made = PhaseClassifier(len(features(descriptors)), len(MODELS[model]))
    made.mean.normal_()
    made.deviation.uniform_(0.5, 2.0)
    made.temperature.fill_(1.7)
    return made


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("descriptors", DESCRIPTOR_SETS)
def test_what_is_loaded_gives_the_same_probabilities(model, descriptors, tmp_path):
    saved = classifier(model, descriptors)
    save_classifier(saved, card(model, descriptors), tmp_path / "phases.safetensors")
    loaded, read = load_classifier(tmp_path / "phases.safetensors")
    some = np.random.default_rng(2).normal(size=(20, len(features(descriptors)))).astype(np.float32)
    np.testing.assert_array_equal(loaded.probabilities(some), saved.probabilities(some))
    assert float(loaded.temperature) == pytest.approx(1.7) and not loaded.training
    assert {key: read[key] for key in card(model, descriptors)} == card(model, descriptors)
    assert len(read["sha256"]) == 64


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": None}, "does not hold the key 'model'"),
        ({"phases": None}, "does not hold the key 'phases'"),
        ({"descriptors": None}, "does not hold the key 'descriptors'"),
        ({"model": "M4"}, "there is no model 'M4' of the phases LDA, HDA"),
        ({"phases": ["HDA", "LDA"]}, "there is no model 'M2' of the phases HDA, LDA"),
        ({"phases": 2}, "is not a card of icescope weights"),
        ({"descriptors": "S"}, "there are no descriptors 'S'"),
        ({"descriptors": "O,H"}, "does not hold the weights that its card describes"),
        ({"sha256": "ab" * 32}, "do not belong together"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(change, sentence, tmp_path):
    path = tmp_path / "phases.safetensors"
    save_classifier(classifier("M2", "O"), card("M2", "O"), path)
    changed = json.loads(path.with_suffix(".json").read_text()) | change
    kept = {key: value for key, value in changed.items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(kept))
    with pytest.raises(InputError, match=sentence):
        load_classifier(path)


def test_missing_and_damaged_weights(tmp_path):
    path = tmp_path / "phases.safetensors"
    with pytest.raises(InputError, match=r"phases.safetensors does not exist; weights are a .safetensors file with"):
        load_classifier(path)
    save_classifier(classifier("M2", "O"), card("M2", "O"), path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="do not belong together"):
        load_classifier(path)


def test_weights_of_phases_and_of_images_are_not_taken_for_each_other(tmp_path):
    save_classifier(classifier("M2", "O"), card("M2", "O"), tmp_path / "phases.safetensors")
    with pytest.raises(InputError, match=r"phases.json is not a card .* does not hold the key 'network'"):
        load_weights(tmp_path / "phases.safetensors")
    save_weights(torch.nn.Linear(2, 2), {"network": {}, "labels": {}}, tmp_path / "images.safetensors")
    with pytest.raises(InputError, match=r"images.json is not a card .* does not hold the key 'model'"):
        load_classifier(tmp_path / "images.safetensors")


def test_names_of_the_weights_that_ship():
    assert shipped_classifier("M2", "O").name == "phases_M2_O.safetensors"
    assert shipped_classifier("M3", "O,H").name == "phases_M3_OH.safetensors"
