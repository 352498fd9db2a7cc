"""Stacks and labels in memory, drawn in batches."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning as L
import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from icescope import storage
from icescope.errors import InputError
from icescope.learning.augmentation import augment
from icescope.learning.images import draw_heights, standardise, take_heights
from icescope.maps.avdw import render_stacks
from icescope.provenance import derive_seed
from icescope.structures.samples import take_samples

BLOCK = 1000  # labels rendered at a time, so that memory does not grow with their number


def read_stacks(paths: Sequence[str | Path]) -> xr.Dataset:
    """All samples of several "afm_stacks" stores as one dataset.

    Raises
    ------
    InputError
        No stores, or stores whose images differ in size, heights or window.
    """
    if not paths:
        raise InputError("no AFM stacks to read; the split has no films.")
    shards = [storage.read(path, "afm_stacks") for path in paths]
    first = shards[0]
    for path, shard in zip(paths, shards, strict=True):
        same = shard.frequency_shift.shape[1:] == first.frequency_shift.shape[1:]
        same = same and np.allclose(shard.height, first.height)
        if not same or not np.allclose(shard.attrs["window_size"], first.attrs["window_size"]):
            raise InputError(
                f"{path} and {paths[0]} hold images of different sizes or heights; use stacks of one configuration."
            )
    joined = {
        name: xr.concat([shard[name] for shard in shards], dim="atom" if "atom" in variable.dims else "sample")
        for name, variable in first.data_vars.items()
    }
    return xr.Dataset(joined, attrs=first.attrs)


class Stacks(Dataset):
    """Images (n, height, y, x) in half precision and labels (n, 3, y, x) in [0, 255], indexed by whole batches."""

    def __init__(self, stacks: xr.Dataset, labels: dict):
        self.images = torch.from_numpy(stacks.frequency_shift.values.astype(np.float16, copy=False))
        self.maps = torch.empty(len(self.images), 3, *self.images.shape[2:], dtype=torch.uint8)
        for first in range(0, len(self.maps), BLOCK):
            block = render_stacks(take_samples(stacks, first, first + BLOCK), labels)
            self.maps[first : first + BLOCK] = block.mul_(255).round_()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: list[int]) -> tuple[Tensor, Tensor]:
        return self.images[index], self.maps[index]


class EpochShuffle(Sampler):
    """A permutation that depends on the seed and the epoch alone, so that a resumed training repeats it."""

    def __init__(self, size: int, seed: int):
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.size).tolist())


class StackData(L.LightningDataModule):
    """Training stacks augmented on the device, validation stacks with one fixed drawing of heights each.

    Parameters
    ----------
    train, validation
        Stacks and their labels.
    heights
        Images that the network takes.
    training
        The configuration's block of that name.
    seed
        Of the order, the heights and the augmentation; what is drawn in a step depends on the seed and the step alone.
    """

    def __init__(self, train: Stacks, validation: Stacks, heights: int, training: dict, seed: int):
        super().__init__()
        self.train, self.validation, self.heights = train, validation, heights
        self.training, self.seed = training, seed

    def train_dataloader(self) -> DataLoader:
        order = EpochShuffle(len(self.train), derive_seed(self.seed, "order"))
        batches = BatchSampler(order, self.training["batch_size"], drop_last=True)
        loader = DataLoader(self.train, sampler=batches, batch_size=None)
        loader.set_epoch = order.set_epoch
        return loader

    def val_dataloader(self) -> DataLoader:
        batches = BatchSampler(range(len(self.validation)), self.training["batch_size"], drop_last=False)
        return DataLoader(self.validation, sampler=batches, batch_size=None)

    def on_after_batch_transfer(self, batch: tuple[Tensor, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor]:
        images, maps = batch
        training = self.trainer.training
        step = self.trainer.global_step if training else -1
        generator = torch.Generator(images.device).manual_seed(derive_seed(self.seed, "batch", step))
        augmentation = self.training["augmentation"] if training else {}
        return prepare(images, self.heights, augmentation, generator), maps.float() / 255


def prepare(images: Tensor, heights: int, augmentation: dict, generator: torch.Generator) -> Tensor:
    """What the network is given of stacks (n, height, y, x): some heights, augmented, each image standardised.

    Images are standardised before they are augmented as well, so that noise is a share of their contrast.
    """
    images = standardise(take_heights(images, draw_heights(len(images), images.shape[1], heights, generator)))
    return standardise(augment(images, **augmentation, generator=generator)) if augmentation else images
