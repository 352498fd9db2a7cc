"""Predicted maps and atoms of simulated stacks, and how right they are."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import xarray as xr
from ase import Atoms
from torch import Tensor

from icescope.learning.data import prepare
from icescope.learning.unet import UNet3d
from icescope.learning.weights import device
from icescope.maps.avdw import poses, render_stacks
from icescope.maps.locate import locate
from icescope.maps.scores import accuracy, accuracy_table, count
from icescope.progress import track

BATCH = 16
OTHER_WINDOWS = 3  # windows that each prediction is scored against for the chance level


@torch.no_grad()
def predict_maps(network: UNet3d, stacks: xr.Dataset, heights: int, seed: int) -> Tensor:
    """Colour maps (n, 3, y, x) of simulated stacks without augmentation; the heights are drawn once from the seed."""
    on = device()
    network = network.to(on)
    images = torch.from_numpy(stacks.frequency_shift.values)
    generator = torch.Generator().manual_seed(seed)
    maps = []
    batches = range(0, len(images), BATCH)
    for begin in track(batches, "prediction", len(batches)):
        stack = prepare(images[begin : begin + BATCH], heights, {}, generator)
        maps.append(network(stack.to(on)).clamp(0, 1).cpu())
    return torch.cat(maps)


def evaluate(maps: Tensor, stacks: xr.Dataset, labels: dict) -> tuple[pd.DataFrame, np.ndarray]:
    """Accuracy of predicted maps by species, with chance beside it, and the loss of each sample.

    Chance is what the same predictions score against the atoms of other windows with nearly the same number of atoms:
    as many, as well spaced, in the wrong places.

    Parameters
    ----------
    maps
        (n, 3, y, x) predictions for the samples of `stacks`.
    labels
        The configuration's block of that name.

    Returns
    -------
    Table by species with accuracy, best, worst (20 % by loss), the pooled counts, and chance; loss (n,).
    """
    true = list(true_atoms(stacks, labels["pose_bound"]))
    size = stacks.attrs["window_size"]
    predicted = locate(maps, size[0] / stacks.sizes["x"], labels)
    loss = (maps - render_stacks(stacks, labels)).square().mean((1, 2, 3)).numpy()
    radius = labels["matching_radius"]
    table = accuracy_table([count(p, t, size, radius) for p, t in zip(predicted, true, strict=True)], loss)
    by_size = np.argsort([len(atoms) for atoms in true], kind="stable")
    chance = sum(
        count(predicted[mine], true[other], size, radius)
        for places in range(1, 1 + OTHER_WINDOWS)
        for mine, other in zip(by_size, np.roll(by_size, places), strict=True)
        if mine != other
    )
    return table.assign(chance=accuracy(chance) if len(true) > 1 else np.nan), loss


def true_atoms(stacks: xr.Dataset, pose_bound: float) -> Iterator[Atoms]:
    """The atoms of each sample, those in the margin included, with an array "pose"."""
    last = np.cumsum(stacks.atom_count.values)
    for begin, end in zip(last - stacks.atom_count.values, last, strict=True):
        position, number, molecule = (stacks[name].values[begin:end] for name in ("position", "number", "molecule"))
        atoms = Atoms(number, position)
        atoms.set_array("pose", poses(position, number, molecule, pose_bound))
        yield atoms
