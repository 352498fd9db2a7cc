"""What is said of a trained network beside its weights."""

import torch
import xarray as xr
from torch import nn

from icescope.learning.data import Windows, prepare
from icescope.learning.images import high_frequency_residual
from icescope.maps.avdw import KINDS

MOST = 100  # training samples that the residual is taken from, about


def training_card(
    trained: nn.Module, train: Windows, validation: xr.Dataset, network: dict, labels: dict, training: dict, seed: int
) -> dict:
    """What the card of a network's weights says of the network and its training.

    Parameters
    ----------
    trained
        The network.
    train, validation
        Samples it was trained on, and a dataset of kind "afm_stacks" that it was validated on.
    network, labels, training, seed
        As `learning.training.train` took them.
    """
    some = train[list(range(0, len(train), max(1, len(train) // MOST)))]["images"]
    generator = torch.Generator().manual_seed(seed)
    augmentation = {key: value for key, value in training["augmentation"].items() if key != "turn"}
    seen = prepare(some, network["heights"], augmentation, generator).numpy()
    residual = [float(high_frequency_residual(stack).mean()) for stack in seen]
    return {
        "network": network,
        "parameters": sum(p.numel() for p in trained.parameters()),
        "window_size": validation.attrs["window_size"],
        "window_pixels": validation.sizes["x"],
        "pixel_size": validation.attrs["window_size"][0] / validation.sizes["x"],
        "heights": network["heights"],
        "labels": labels,
        "species": sorted({KINDS[kind].symbol for kind in train.kind.unique().tolist()}),
        "training": training,
        "training_samples": len(train),
        "validation_samples": validation.sizes["sample"],
        "residual": [min(residual), max(residual)],
    }
