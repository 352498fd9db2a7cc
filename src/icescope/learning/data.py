"""Stacks in memory, indexed by batches; images are prepared and maps drawn on the device."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor, distributed
from torch.utils.data import Dataset

from icescope import storage
from icescope.errors import InputError
from icescope.learning.augmentation import augment
from icescope.learning.images import draw_heights, standardise, take_heights
from icescope.maps.avdw import kinds_of_stacks
from icescope.maps.outputs import OUTPUTS


def read_stacks(paths: Sequence[str | Path]) -> xr.Dataset:
    """All samples of several "afm_stacks" stores as one dataset, each with the name of its film.

    What does not come from a film, such as hydrates, has a name of its own for each sample: they are independent.

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
    named = [
        shard.assign(
            film=("sample", [shard.attrs.get("film", f"{path} {sample}") for sample in range(shard.sizes["sample"])])
        )
        for path, shard in zip(paths, shards, strict=True)
    ]
    return _joined(named)


def read_windows(paths: Sequence[str | Path]) -> xr.Dataset:
    """All samples of several "windows" stores as one dataset."""
    return _joined([storage.read(path, "windows") for path in paths])


def _joined(shards: list[xr.Dataset]) -> xr.Dataset:
    joined = {
        name: xr.concat([shard[name] for shard in shards], dim="atom" if "atom" in variable.dims else "sample")
        for name, variable in shards[0].data_vars.items()
    }
    return xr.Dataset(joined, attrs=shards[0].attrs)


class Windows(Dataset):
    """The atoms of windows, indexed by whole batches; a kind of images for each subclass.

    A batch is a dictionary of tensors: `images`; the atoms of its samples, one sample after another, by `position`
    (atoms, 3), A, and `kind` (atoms,), see `maps.avdw.KINDS`; and for each sample `count`, its atoms, and `origin`, the
    z that heights count from, A.
    """

    pixel_size: float  # A

    def __init__(self, windows: xr.Dataset, origin: np.ndarray, labels: dict):
        self.position = torch.from_numpy(windows.position.values)
        self.kind = torch.from_numpy(kinds_of_stacks(windows, labels["pose_bound"]))
        self.count = torch.from_numpy(windows.atom_count.values.astype(np.int64))
        self.origin = torch.from_numpy(np.asarray(origin, np.float32))
        self.last = self.count.cumsum(0)

    def __len__(self) -> int:
        return len(self.count)

    def __getitem__(self, index: list[int]) -> dict[str, Tensor]:
        count, last = self.count[index], self.last[index]
        # The atoms of the samples in turn: each one's place in its sample, counted from the sample's first.
        place = torch.arange(int(count.sum())) - (count.cumsum(0) - count).repeat_interleave(count)
        rows = place + (last - count).repeat_interleave(count)
        atoms = {"position": self.position[rows], "kind": self.kind[rows], "count": count, "origin": self.origin[index]}
        return {"images": self.draw_images(index), **atoms}

    def draw_images(self, index: list[int]) -> Tensor:
        """Images (n, height, y, x), Hz, of samples."""
        raise NotImplementedError

    def set_epoch(self, epoch: int) -> None:
        """Told before each pass over the windows."""

    def digest(self) -> "hashlib._Hash":
        """SHA-256 of all that the batches are made of."""
        digest = hashlib.sha256(self.position.numpy())
        digest.update(self.kind.numpy())
        return digest


class Stacks(Windows):
    """With images that are stored, in half precision."""

    def __init__(self, stacks: xr.Dataset, labels: dict):
        super().__init__(stacks, stacks.origin_height.values, labels)
        self.images = torch.from_numpy(stacks.frequency_shift.values.astype(np.float16, copy=False))
        self.pixel_size = stacks.attrs["window_size"][0] / stacks.sizes["x"]

    def draw_images(self, index: list[int]) -> Tensor:
        return self.images[index]

    def digest(self) -> "hashlib._Hash":
        digest = super().digest()
        digest.update(self.images.numpy())
        return digest


def share(samples: int) -> slice:
    """Those of a batch's samples that fall to this process of a training; all, where it is alone."""
    rank, ranks = (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
    return slice(samples * rank // ranks, samples * (rank + 1) // ranks)


def draw_maps(output: str, batch: dict[str, Tensor], pixel_size: float, labels: dict) -> Tensor:
    """True maps (n, channels, y, x) of a batch of `Stacks`, on its device."""
    pixels, atoms = batch["images"].shape[-1], (batch[name] for name in ("position", "kind", "count"))
    return OUTPUTS[output].render(*atoms, pixels, pixel_size, labels, batch["origin"])


def prepare(images: Tensor, heights: int, augmentation: dict, generator: torch.Generator) -> Tensor:
    """What the network is given of stacks (n, height, y, x): some heights, augmented, each image standardised.

    Images are standardised before they are augmented as well, so that noise is a share of their contrast.
    """
    images = standardise(take_heights(images, draw_heights(len(images), images.shape[1], heights, generator)))
    return standardise(augment(images, **augmentation, generator=generator)) if augmentation else images
