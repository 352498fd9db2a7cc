"""Batches of a training, drawn by seed and step alone.

Apart from `data`, as Lightning takes seconds to load and only a training needs it.
"""

from collections.abc import Iterator

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Sampler

from icescope.learning.augmentation import turn
from icescope.learning.data import Windows, draw_maps, prepare, share
from icescope.provenance import derive_seed


class EpochShuffle(Sampler):
    """Permutations one after another, cut into epochs of `samples`; by default an epoch is one of them.

    What an epoch holds depends on the seed and the epoch alone, so that a resumed training repeats it.
    """

    def __init__(self, size: int, seed: int, samples: int | None = None):
        self.size, self.seed, self.samples, self.epoch = size, seed, samples or size, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.samples

    def __iter__(self) -> Iterator[int]:
        before = self.epoch * self.samples
        passes = range(before // self.size, (before + self.samples - 1) // self.size + 1)
        order = [np.random.default_rng([self.seed, one]).permutation(self.size) for one in passes]
        begin = before - passes.start * self.size
        return iter(np.concatenate(order)[begin : begin + self.samples].tolist())


class TrainingBatches(BatchSampler):
    """Whole batches of an epoch; Lightning tells a loader's `sampler`, and nothing else, which epoch it is."""

    def __init__(self, windows: Windows, order: EpochShuffle, batch_size: int):
        super().__init__(order, batch_size, drop_last=True)
        self.windows = windows

    def set_epoch(self, epoch: int) -> None:
        self.sampler.set_epoch(epoch)
        self.windows.set_epoch(epoch)


class StackData(L.LightningDataModule):
    """Training stacks augmented on the device, validation stacks with one fixed drawing of heights each.

    In a training of several processes a batch is that of all together, and each is given its share of it.

    Parameters
    ----------
    train, validation
        Stacks with the atoms under them.
    network, labels, training
        The configuration's blocks of these names.
    seed
        Of the order, the heights and the augmentation; what is drawn in a step depends on the seed and the step alone.
    samples
        Training samples an epoch, where it is not one pass.
    """

    def __init__(
        self,
        train: Windows,
        validation: Windows,
        network: dict,
        labels: dict,
        training: dict,
        seed: int,
        samples: int | None = None,
    ):
        super().__init__()
        self.train, self.validation, self.samples = train, validation, samples
        self.network, self.labels, self.training, self.seed = network, labels, training, seed

    def train_dataloader(self) -> DataLoader:
        order = EpochShuffle(len(self.train), derive_seed(self.seed, "order"), self.samples)
        batches = TrainingBatches(self.train, order, self.training["batch_size"])
        return DataLoader(self.train, sampler=batches, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        batches = BatchSampler(range(len(self.validation)), self.training["batch_size"], drop_last=False)
        return DataLoader(self.validation, sampler=batches, batch_size=None)

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor]:
        training = self.trainer.training
        step = self.trainer.global_step if training else -1
        generator = torch.Generator(batch["images"].device).manual_seed(derive_seed(self.seed, "batch", step))
        augmentation = dict(self.training["augmentation"]) if training else {}
        turned = augmentation.pop("turn", False)
        images = prepare(batch["images"], self.network["heights"], augmentation, generator)
        maps = draw_maps(self.network["output"], batch, self.train.pixel_size, self.labels)
        if turned:
            images, maps = turn(images, maps, generator)
        # Each process of a training prepares the whole batch, as one alone does, and then takes its share.
        mine = share(len(images))
        return images[mine], maps[mine]
