"""Trainings from given weights or from nothing: weights of the first seed, scores and histories of all."""

import shutil

import torch

from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.transfer import first_samples, retrain, steps_of
from icescope.learning.weights import load_weights, save_weights
from icescope.provenance import provenance
from icescope.storage import whole_file

with job(snakemake.log[0], "retrain_network"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    initial = load_weights(inputs.weights)[0].state_dict() if inputs.get("weights") else None
    stacks = first_samples(read_stacks(inputs.train), params.samples)
    steps = steps_of(params.epochs, stacks.sizes["sample"], params.training["batch_size"])
    trained = retrain(
        stacks,
        read_stacks(inputs.validation),
        params.network,
        params.labels,
        params.training | {"steps": steps},
        params.seeds,
        params.scoring_seed,
        params.checkpoints,
        initial,
    )
    about = {"scale": params.run, **trained.card, **provenance(params.network, params.seeds[0], inputs)}
    save_weights(trained.network, about, output.weights)
    with whole_file(output.history) as partial:
        trained.history.to_csv(partial, float_format="%.6g")
    with whole_file(output.accuracy) as partial:
        trained.accuracy.to_csv(partial, float_format="%.6g")
    shutil.rmtree(params.checkpoints, ignore_errors=True)
