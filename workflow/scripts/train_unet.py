"""Training of the network; weights, their card, and the history of the loss."""

import shutil

import torch

from icescope.job import job
from icescope.learning.data import Stacks, read_stacks
from icescope.learning.evaluation import evaluate, predict_maps
from icescope.learning.training import train
from icescope.learning.weights import save_weights
from icescope.provenance import provenance
from icescope.storage import whole_file

with job(snakemake.log[0], "train_unet"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    train_stacks, validation_stacks = read_stacks(inputs.train), read_stacks(inputs.validation)
    network, history = train(
        Stacks(train_stacks, params.labels),
        Stacks(validation_stacks, params.labels),
        params.network,
        params.training,
        params.seed,
        params.checkpoints,
    )
    maps = predict_maps(network, validation_stacks, params.network["heights"], params.seed)
    accuracy, loss = evaluate(maps, validation_stacks, params.labels, params.seed)
    card = {
        "scale": params.run,
        "network": params.network,
        "parameters": sum(p.numel() for p in network.parameters()),
        "window_size": validation_stacks.attrs["window_size"],
        "window_pixels": validation_stacks.sizes["x"],
        "pixel_size": validation_stacks.attrs["window_size"][0] / validation_stacks.sizes["x"],
        "heights": params.network["heights"],
        "labels": params.labels,
        "training": params.training,
        "training_samples": train_stacks.sizes["sample"],
        "validation_samples": validation_stacks.sizes["sample"],
        "metrics": {"loss": float(loss.mean()), **accuracy.accuracy.dropna().to_dict()},
        **provenance(params.network, params.seed, inputs),
    }
    save_weights(network, card, output.weights)
    with whole_file(output.history) as partial:
        history.to_csv(partial, index=False, float_format="%.6g")
    shutil.rmtree(params.checkpoints, ignore_errors=True)
