"""Training of the network; weights, their card, and the history of the loss."""

import shutil

import torch

from icescope.job import job
from icescope.learning.data import Stacks, prepare, read_stacks
from icescope.learning.evaluation import evaluate, predict_maps
from icescope.learning.images import high_frequency_residual
from icescope.learning.training import train
from icescope.learning.weights import save_weights
from icescope.provenance import provenance
from icescope.storage import whole_file

with job(snakemake.log[0], "train_unet"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    training_data = Stacks(read_stacks(inputs.train), params.labels)
    validation = read_stacks(inputs.validation)
    validation_data = Stacks(validation, params.labels)
    network, history = train(
        training_data, validation_data, params.network, params.training, params.seed, params.checkpoints
    )
    heights, pixels, size = params.network["heights"], validation.sizes["x"], validation.attrs["window_size"]
    maps = predict_maps(network, validation, heights, params.evaluation_seed)
    accuracy, loss = evaluate(maps, validation, params.labels)
    some = training_data.images[:: max(1, len(training_data) // 100)]
    generator = torch.Generator().manual_seed(params.seed)
    seen = prepare(some, heights, params.training["augmentation"], generator).numpy()
    residual = [float(high_frequency_residual(stack).mean()) for stack in seen]
    card = {
        "scale": params.run,
        "metal": params.metal,
        "network": params.network,
        "parameters": sum(p.numel() for p in network.parameters()),
        "window_size": size,
        "window_pixels": pixels,
        "pixel_size": size[0] / pixels,
        "heights": heights,
        "labels": params.labels,
        "training": params.training,
        "training_samples": len(training_data),
        "validation_samples": len(validation_data),
        "residual": [min(residual), max(residual)],
        "metrics": {"loss": float(loss.mean()), **accuracy.accuracy.dropna().to_dict()},
        "chance": accuracy.chance.dropna().to_dict(),
        **provenance(params.network, params.seed, inputs),
    }
    save_weights(network, card, output.weights)
    with whole_file(output.history) as partial:
        history.to_csv(partial, index=False, float_format="%.6g")
    shutil.rmtree(params.checkpoints, ignore_errors=True)
