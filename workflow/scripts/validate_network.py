"""Predictions and accuracy on the validation windows; the trained weights with both in their card."""

import torch

from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.evaluation import evaluate, predict_maps, write_evaluation
from icescope.learning.weights import load_weights, save_weights
from icescope.provenance import provenance

with job(snakemake.log[0], "validate_network"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    stacks = read_stacks(inputs.stacks)
    maps, loss = predict_maps(network, card, stacks, params.seed)
    accuracy = evaluate(maps, loss, stacks, card)
    origin = provenance(card["labels"], params.seed, inputs) | {"weights": card["sha256"]}
    write_evaluation(maps, loss, accuracy, card, output.predictions, output.accuracy, origin)
    card["metrics"] = {"loss": float(loss.mean()), **accuracy.accuracy.dropna().to_dict()}
    card["chance"] = accuracy.chance.dropna().to_dict()
    save_weights(network, card, output.weights)
