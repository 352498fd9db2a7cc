"""Predictions of a network on stacks that it was not trained on, and their scores."""

import torch

from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates, choose_molecules, decodings
from icescope.learning.evaluation import as_present_cation, evaluate, predict_maps, write_evaluation
from icescope.learning.weights import load_weights
from icescope.provenance import provenance

with job(snakemake.log[0], "evaluate_network"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    stacks = read_stacks(inputs.stacks)
    maps, loss = predict_maps(network, card, stacks, params.seed)
    found = candidates(maps, card["pixel_size"], card)
    decoded = decodings(found, choose_molecules(found, card), card)
    if params.any_cation:
        decoded = {name: as_present_cation(structures, stacks) for name, structures in decoded.items()}
    accuracy = evaluate(decoded["peaks"], loss, stacks, card["labels"])
    origin = provenance(card["labels"], params.seed, inputs)
    write_evaluation(output, maps, loss, decoded, accuracy, stacks, card, params.seed, origin)
