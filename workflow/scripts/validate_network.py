"""Predictions on the validation windows: calibration and accuracy, for the card of the trained weights."""

import torch

from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import all_scores, evaluate, learn_confidence, predict_maps, write_predictions
from icescope.learning.weights import load_weights, save_weights
from icescope.provenance import provenance
from icescope.storage import whole_file

with job(snakemake.log[0], "validate_network"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    stacks = read_stacks(inputs.stacks)
    maps, loss = predict_maps(network, card, stacks, params.seed)
    found = candidates(maps, card["pixel_size"], card)
    card |= learn_confidence(found, stacks, card)
    decoded = {"peaks": decode(found, card, rules=False), "ice rules": decode(found, card)}
    accuracy = evaluate(decoded["peaks"], loss, stacks, card["labels"])
    delivered = evaluate(decoded["ice rules"], loss, stacks, card["labels"])  # that is what a prediction gives
    card["metrics"] = {"loss": float(loss.mean()), **delivered.accuracy.dropna().to_dict()}
    card["chance"] = delivered.chance.dropna().to_dict()
    save_weights(network, card, output.weights)
    write_predictions(maps, loss, card, output.predictions, provenance(card["labels"], params.seed, inputs))
    with whole_file(output.accuracy) as partial:
        accuracy.assign(loss=loss.mean(), samples=len(loss)).to_csv(partial, float_format="%.6g")
    with whole_file(output.scores) as partial:
        all_scores(decoded, stacks, card, params.seed).to_csv(partial, float_format="%.6g")
