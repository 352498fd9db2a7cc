"""Training of a network; weights, their card, and the history of the loss."""

import shutil

import torch

from icescope.job import job
from icescope.learning.data import Stacks, prepare, read_stacks, read_windows
from icescope.learning.images import high_frequency_residual
from icescope.learning.simulated import SimulatedStacks
from icescope.learning.training import train
from icescope.learning.weights import save_weights
from icescope.provenance import provenance
from icescope.storage import whole_file

with job(snakemake.log[0], "train_network"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    validation = read_stacks(inputs.validation)
    validation_data = Stacks(validation, params.labels)
    if params.training["images"] == "stored":
        training_data = Stacks(read_stacks(inputs.train), params.labels)
    else:
        windows = read_windows(inputs.train)
        training_data = SimulatedStacks(windows, params.labels, params.afm, params.training["tips"], params.seed)
    network, history = train(
        training_data,
        validation_data,
        params.network,
        params.labels,
        params.training,
        params.seed,
        params.checkpoints,
    )
    some = training_data[list(range(0, len(training_data), max(1, len(training_data) // 100)))]["images"]
    generator = torch.Generator().manual_seed(params.seed)
    augmentation = {key: value for key, value in params.training["augmentation"].items() if key != "turn"}
    seen = prepare(some, params.network["heights"], augmentation, generator).numpy()
    residual = [float(high_frequency_residual(stack).mean()) for stack in seen]
    card = {
        "scale": params.run,
        "metal": params.metal,
        "network": params.network,
        "parameters": sum(p.numel() for p in network.parameters()),
        "window_size": validation.attrs["window_size"],
        "window_pixels": validation.sizes["x"],
        "pixel_size": validation_data.pixel_size,
        "heights": params.network["heights"],
        "labels": params.labels,
        "training": params.training,
        "training_samples": len(training_data),
        "validation_samples": len(validation_data),
        "residual": [min(residual), max(residual)],
        **provenance(params.network, params.seed, inputs),
    }
    save_weights(network, card, output.weights)
    with whole_file(output.history) as partial:
        history.to_csv(partial, index=False, float_format="%.6g")
    shutil.rmtree(params.checkpoints, ignore_errors=True)
