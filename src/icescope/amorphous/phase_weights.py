"""Weights of classifiers of phases, and those that the package brings."""

from pathlib import Path

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.phases import MODELS
from icescope.amorphous.soap import features
from icescope.weights_file import read_weights, write_weights

SHIPPED = Path(__file__).parents[1] / "weights"


def shipped_classifier(model: str, descriptors: str) -> Path:
    """Weights that come with the package, of a model of MODELS on the descriptors O or O,H."""
    return SHIPPED / f"phases_{model}_{descriptors.replace(',', '')}.safetensors"


def save_classifier(classifier: PhaseClassifier, card: dict, path: str | Path) -> None:
    """Write a classifier, with its scaling and temperature, to `path` (.safetensors) and its card to .json beside it.

    Parameters
    ----------
    card
        "model" of MODELS, its "phases" in the order of the outputs, "descriptors" of `soap.DESCRIPTOR_SETS`, and
        whatever else is to be said of the training; the SHA-256 of the weights is added.
    """
    write_weights(classifier, card, path)


def load_classifier(path: str | Path) -> tuple[PhaseClassifier, dict]:
    """The classifier, ready to classify, and its card.

    Raises
    ------
    InputError
        Weights or card are missing or damaged, do not belong together, or are not of a classifier of phases.
    """
    return read_weights(path, _build)


def _build(card: dict) -> PhaseClassifier:
    model, phases, descriptors = card["model"], card["phases"], card["descriptors"]
    if tuple(phases) != MODELS.get(model):
        raise ValueError(f"there is no model {model!r} of the phases {', '.join(phases)}")
    return PhaseClassifier(len(features(descriptors)), len(phases))
