"""Predicted maps and atoms of simulated stacks, and how right they are."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import xarray as xr
from ase import Atoms
from torch import Tensor

from icescope.learning.images import draw_heights, standardise, take_heights
from icescope.learning.unet import UNet3d
from icescope.learning.weights import device
from icescope.maps.avdw import poses, render_stacks
from icescope.maps.locate import locate
from icescope.maps.scores import accuracy_table, count
from icescope.progress import track

BATCH = 16


@torch.no_grad()
def predict_maps(network: UNet3d, stacks: xr.Dataset, heights: int, seed: int) -> Tensor:
    """Colour maps (n, 3, y, x) of simulated stacks without augmentation; the heights are drawn once from the seed."""
    on = device()
    network = network.to(on)
    images = torch.from_numpy(stacks.frequency_shift.values)
    chosen = draw_heights(len(images), images.shape[1], heights, torch.Generator().manual_seed(seed))
    maps = []
    batches = range(0, len(images), BATCH)
    for begin in track(batches, "prediction", len(batches)):
        batch = slice(begin, begin + BATCH)
        stack = standardise(take_heights(images[batch], chosen[batch]).to(on))
        maps.append(network(stack).clamp(0, 1).cpu())
    return torch.cat(maps)


def evaluate(maps: Tensor, stacks: xr.Dataset, labels: dict, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Accuracy of predicted maps by species, with chance beside it, and the loss of each sample.

    Chance is what the same predictions score against the atoms of another window drawn at random from the same
    split: as many atoms, as well spaced, in the wrong places.

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
    # A rotation by a random number of places leaves no window with its own atoms.
    other = np.roll(np.arange(len(true)), np.random.default_rng(seed).integers(1, max(2, len(true))))
    radius = labels["matching_radius"]
    table = accuracy_table([count(p, t, size, radius) for p, t in zip(predicted, true, strict=True)], loss)
    chance = [count(p, true[i], size, radius) for p, i in zip(predicted, other, strict=True)]
    return table.assign(chance=accuracy_table(chance, loss).accuracy), loss


def true_atoms(stacks: xr.Dataset, pose_bound: float) -> Iterator[Atoms]:
    """The atoms of each sample, those in the margin included, with an array "pose"."""
    last = np.cumsum(stacks.atom_count.values)
    for begin, end in zip(last - stacks.atom_count.values, last, strict=True):
        position, number, molecule = (stacks[name].values[begin:end] for name in ("position", "number", "molecule"))
        atoms = Atoms(number, position)
        atoms.set_array("pose", poses(position, number, molecule, pose_bound))
        yield atoms
