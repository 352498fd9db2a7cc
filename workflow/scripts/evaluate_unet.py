"""Predicted maps of one split's windows, and the accuracy by species."""

import numpy as np
import torch
import xarray as xr

from icescope import storage
from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.evaluation import evaluate, predict_maps
from icescope.learning.weights import load_weights
from icescope.provenance import provenance

with job(snakemake.log[0], "evaluate_unet"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    stacks = read_stacks(inputs.stacks)
    maps = predict_maps(network, stacks, card["heights"], params.seed)
    accuracy, loss = evaluate(maps, stacks, params.labels)
    predictions = xr.Dataset(
        {
            "colour_map": (("sample", "colour", "y", "x"), maps.numpy().astype(np.float16), {"units": "1"}),
            "loss": ("sample", loss.astype(np.float32), {"units": "1"}),
        }
    )
    origin = provenance(params.labels, params.seed, inputs)
    storage.write(predictions, output.predictions, "predictions", origin | {"weights": card["sha256"]})
    with storage.whole_file(output.accuracy) as partial:
        accuracy.assign(loss=loss.mean(), samples=len(loss)).to_csv(partial, float_format="%.6g")
