"""Trainings beside the first one: on other samples, from its weights or from nothing, several seeds each.

Tang et al. 2023 train again on few hydrates what has learnt water on Au(111), and compare with networks that start from
nothing, at equal numbers of epochs. Fewer samples then also mean fewer steps of the optimiser; so that the two are not
confused, trainings are given in steps here.
"""

import logging
import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xarray as xr
from torch import Tensor, nn

from icescope.learning.card import training_card
from icescope.learning.data import Stacks
from icescope.learning.decoding import candidates, confidence_under_rules, decode
from icescope.learning.evaluation import card_metrics, evaluate, learn_confidence, predict_maps
from icescope.learning.training import train
from icescope.structures.samples import take_samples

log = logging.getLogger(__name__)


class Retrained(NamedTuple):
    """The network of the first seed with its card; scores by (seed, species) and history by (seed, epoch) of all."""

    network: nn.Module
    card: dict
    accuracy: pd.DataFrame
    history: pd.DataFrame


def steps_of(epochs: float, samples: int, batch_size: int) -> int:
    """Steps of the optimiser that so many passes over so many samples take, rounded up."""
    return max(1, math.ceil(epochs * samples / batch_size - 1e-9))


def first_samples(stacks: xr.Dataset, number: int | None) -> xr.Dataset:
    """The first samples of a set, or all; as many as there are where some have been set aside, with a warning."""
    if number is None or number == stacks.sizes["sample"]:
        return stacks
    if number > stacks.sizes["sample"]:
        log.warning("only %d of %d samples are there to train on", stacks.sizes["sample"], number)
    return take_samples(stacks, 0, number)


def retrain(
    train_stacks: xr.Dataset,
    validation: xr.Dataset,
    network: dict,
    labels: dict,
    training: dict,
    seeds: list[int],
    scoring_seed: int,
    checkpoints: str | Path,
    initial: dict[str, Tensor] | None = None,
) -> Retrained:
    """Train one network for each seed on the same samples, and score each on the same others.

    Parameters
    ----------
    train_stacks, validation
        Datasets of kind "afm_stacks"; confidences and thresholds are learnt on the second, as for any network.
    network, labels, training
        The configuration's blocks of these names, `training` with "steps".
    seeds
        Of the trainings.
    scoring_seed
        Of the heights that validation images are drawn at, the same for all.
    checkpoints
        Folder that outlives a killed job: a finished training is not repeated.
    initial
        State of the network to start from.
    """
    samples, others = Stacks(train_stacks, labels), Stacks(validation, labels)
    accuracies, histories, first = {}, {}, None
    for seed in seeds:
        trained, histories[seed] = train(samples, others, network, labels, training, seed, checkpoints, initial)
        card = training_card(trained, samples, validation, network, labels, training, seed)
        maps, loss = predict_maps(trained, card, validation, scoring_seed)
        found = candidates(maps, card["pixel_size"], card)
        learnt, chosen = learn_confidence(found, validation, card)
        card |= learnt
        table = evaluate(decode(found, card, rules=False), loss, validation, labels)
        accuracies[seed] = table.assign(loss=loss.mean(), samples=len(loss))
        if first is None:
            delivered = [confidence_under_rules(one, card) for one in chosen]
            first = trained.cpu(), card | card_metrics(delivered, loss, validation, labels)
        right = (f"{species} {value:.3f}" for species, value in table.accuracy.dropna().items())
        log.info("seed %d: loss %.4f, %s", seed, loss.mean(), ", ".join(right))
    return Retrained(*first, pd.concat(accuracies, names=["seed"]), pd.concat(histories, names=["seed"]).droplevel(1))
