"""Predictions on the validation windows: calibration and accuracy, for the card of the trained weights."""

import torch

from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates, decodings
from icescope.learning.evaluation import card_metrics, evaluate, learn_confidence, predict_maps, write_evaluation
from icescope.learning.weights import load_weights, save_weights
from icescope.provenance import provenance

with job(snakemake.log[0], "validate_network"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    stacks = read_stacks(inputs.stacks)
    maps, loss = predict_maps(network, card, stacks, params.seed)
    found = candidates(maps, card["pixel_size"], card)
    learnt, chosen = learn_confidence(found, stacks, card)
    card |= learnt
    decoded = decodings(found, chosen, card)
    accuracy = evaluate(decoded["peaks"], loss, stacks, card["labels"])
    card |= card_metrics(decoded["ice rules"], loss, stacks, card["labels"])
    save_weights(network, card, output.weights)
    origin = provenance(card["labels"], params.seed, inputs)
    write_evaluation(output, maps, loss, decoded, accuracy, stacks, card, params.seed, origin)
