"""Training images simulated when they are needed, under a tip of their own for each batch, so that none comes twice."""

import hashlib
import json

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from icescope.afm import Tip, simulate
from icescope.afm.heights import window_origin_height
from icescope.afm.stacks import window_scan
from icescope.learning.data import Windows
from icescope.structures.samples import atoms_of


class SimulatedStacks(Windows):
    """With images that are simulated when a batch is drawn.

    Parameters
    ----------
    windows
        Dataset of kind "windows".
    labels, afm
        The configuration's blocks of these names.
    tips
        Lowest and highest lateral_stiffness (N/m) and charge of the probe, and height (A) added to `height_offset`.
    seed
        Of the tips; the tip of a batch depends on the seed, the epoch and the batch alone.
    """

    def __init__(self, windows: xr.Dataset, labels: dict, afm: dict, tips: dict, seed: int):
        size = windows.attrs["window_size"]
        structures = (atoms_of(windows, i) for i in range(windows.sizes["sample"]))
        origin = [window_origin_height(one, size, afm["height_origin"]) for one in structures]
        super().__init__(windows, np.array(origin), labels)
        self.pixel_size = size[0] / afm["pixels"]
        self.windows, self.size, self.afm, self.tips, self.seed, self.epoch = windows, size, afm, tips, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def draw_images(self, index: list[int]) -> Tensor:
        rng = np.random.default_rng([self.seed, self.epoch, *index])
        drawn = {name: float(rng.uniform(*ends)) for name, ends in sorted(self.tips.items())}
        offset = self.afm["height_offset"] + drawn.pop("height")
        scan = window_scan(self.size, self.afm | {"height_offset": offset})
        structures = [atoms_of(self.windows, i) for i in index]
        for one, origin in zip(structures, self.origin[index].tolist(), strict=True):
            one.positions[:, 2] -= origin
        sensor = (self.afm[name] for name in ("amplitude", "f0", "k0"))
        images = simulate(structures, Tip(**self.afm["tip"] | drawn), scan, *sensor)
        return torch.from_numpy(images.frequency_shift.values)

    def digest(self) -> "hashlib._Hash":
        digest = super().digest()
        digest.update(json.dumps([self.afm, self.tips, self.seed], sort_keys=True).encode())
        return digest
