"""Training images simulated when they are needed, under a tip of their own for each batch, so that none comes twice.

In a training of several processes each simulates its share of a batch, and all are given the whole.
"""

import hashlib
import json

import numpy as np
import torch
import xarray as xr
from torch import Tensor, distributed

from icescope.afm import Tip, simulate
from icescope.afm.heights import window_origin_height
from icescope.afm.stacks import count_from, window_scan
from icescope.learning.data import Windows, share
from icescope.learning.weights import device
from icescope.provenance import source_hash
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

    Raises
    ------
    InputError
        At the lowest of the tips' heights the probe would be inside the water of a window.
    """

    def __init__(self, windows: xr.Dataset, labels: dict, afm: dict, tips: dict, seed: int):
        size, origins = windows.attrs["window_size"], []
        lowest = window_scan(size, afm | {"height_offset": afm["height_offset"] + tips["height"][0]})
        for structure in (atoms_of(windows, i) for i in range(windows.sizes["sample"])):
            origins.append(window_origin_height(structure, size, afm["height_origin"]))
            count_from(structure, origins[-1], lowest, Tip(**afm["tip"]), size, afm["height_origin"])
        super().__init__(windows, np.array(origins), labels)
        self.pixel_size = size[0] / afm["pixels"]
        self.windows, self.size, self.afm, self.tips, self.seed, self.epoch = windows, size, afm, tips, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def draw_images(self, index: list[int]) -> Tensor:
        rng = np.random.default_rng([self.seed, self.epoch, *index])
        drawn = {name: float(rng.uniform(*ends)) for name, ends in sorted(self.tips.items())}
        offset = self.afm["height_offset"] + drawn.pop("height")
        scan = window_scan(self.size, self.afm | {"height_offset": offset})
        mine = index[share(len(index))]
        structures = [atoms_of(self.windows, i) for i in mine]
        for one, origin in zip(structures, self.origin[mine].tolist(), strict=True):
            one.positions[:, 2] -= origin
        sensor = (self.afm[name] for name in ("amplitude", "f0", "k0"))
        simulated = simulate(structures, Tip(**self.afm["tip"] | drawn), scan, *sensor)
        images = torch.from_numpy(simulated.frequency_shift.values)
        if len(mine) == len(index):
            return images
        images = images.to(device())  # where processes on GPUs exchange tensors
        whole = images.new_empty(len(index), *images.shape[1:])
        distributed.all_gather_into_tensor(whole, images)
        return whole

    def digest(self) -> "hashlib._Hash":
        digest = super().digest()
        digest.update(self.windows.charge.values)
        digest.update(source_hash(__file__).encode())
        digest.update(json.dumps([self.afm, self.tips, self.seed], sort_keys=True).encode())
        return digest
