"""Classifiers of phases, trained with several seeds, and how right they are."""

import numpy as np
import pandas as pd

from icescope.amorphous.classifier import PhaseClassifier, calibration_error, confusion
from icescope.amorphous.classifier_training import train_classifier
from icescope.amorphous.environments import Environments, split
from icescope.amorphous.nulls import SHUFFLED, shuffled_phases
from icescope.amorphous.phases import MODELS
from icescope.provenance import derive_seed


def assess_classifiers(
    environments: Environments, model: str, descriptors: str, split_name: str, settings: dict, seed: int
) -> tuple[PhaseClassifier, dict, pd.DataFrame, pd.DataFrame]:
    """Train a classifier with each seed on a split of its own, and once on shuffled phases.

    Parameters
    ----------
    environments
        Of the phases of the model, in their order.
    model, descriptors, split_name
        Of `phases.MODELS`, `soap.DESCRIPTOR_SETS` and `environments.SPLITS`.
    settings
        Of the configuration's block `amorphous.classifier`: seeds, and those of `train_classifier`.

    Returns
    -------
    - The classifier of the first seed, and the card of its weights.
    - A row a seed: model, descriptors, split, seed, accuracy on the test part, its standard error, molecules (of the
      test part), calibration_error before and after, temperature, epochs.
    - Counts of actual and predicted phases, summed over the seeds.
    """
    x, phase, names = environments.descriptors(descriptors), environments.phase, MODELS[model]
    rows, total, kept = [], np.zeros((len(names),) * 2, int), None
    for number in [*range(settings["seeds"]), SHUFFLED]:
        own = seed_of(seed, 0 if number == SHUFFLED else number)
        parts = split(environments, split_name, own)
        learnt = shuffled_phases(phase, parts, own) if number == SHUFFLED else phase
        classifier, history = train_classifier(x, learnt, parts, settings, own)
        test = parts["test"]
        log_odds, truth = classifier.log_odds(x[test]), phase[test]
        calibrated = classifier.of_log_odds(log_odds)
        accuracy = float((log_odds.argmax(1) == truth).mean())
        row = {"model": model, "descriptors": descriptors, "split": split_name, "seed": number, "accuracy": accuracy}
        row |= {"error": np.sqrt(accuracy * (1 - accuracy) / len(test)), "molecules": len(test)}
        row |= {"calibration_error_before": calibration_error(classifier.of_log_odds(log_odds, 1.0), truth)}
        row |= {"calibration_error": calibration_error(calibrated, truth)}
        rows.append(row | {"temperature": float(classifier.temperature), "epochs": len(history)})
        if number != SHUFFLED:
            total += confusion(calibrated, truth)
        if kept is None:
            metrics = {name: row[name] for name in ("accuracy", "error", "molecules", "calibration_error")}
            card = {"model": model, "phases": list(names), "descriptors": descriptors, "split": split_name}
            card |= {"training_molecules": len(parts["train"]), "settings": settings, "metrics": metrics, "seed": own}
            kept = classifier, card
    counts = pd.DataFrame(total, names, names).rename_axis("actual")
    return *kept, pd.DataFrame(rows), counts


def seed_of(seed: int, number: int) -> int:
    """Of the split and the training of the classifier with this number."""
    return derive_seed(seed, "classifier", number)
