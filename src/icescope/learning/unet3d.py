"""The paper's network: a 3D U-Net (Tang et al. 2023, Methods; Cicek et al. 2016)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from icescope.errors import InputError

# Halves of (height, y, x) between levels: the heights are few, so they are pooled only in the lower two.
POOLS = ((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
GROUPS = 8


class UNet3d(nn.Module):
    """Stacks (n, heights, y, x), each image standardised, to maps (n, outputs, y, x).

    Twice a level: GroupNorm, 3 x 3 x 3 convolution with replicated borders, LeakyReLU. Max pooling down, nearest
    upsampling and skip connections up, as in the same group's later public code. How the paper's network collapses the
    height axis is not known: here a convolution over all heights does it.

    Parameters
    ----------
    heights
        Images in a stack.
    channels
        Of each level from the top; five in the paper's size: 32, 64, 128, 256, 256.
    outputs
        Channels of the map; 3 for the paper's colours.

    Raises
    ------
    InputError
        Another number of levels than five.
    """

    def __init__(self, heights: int, channels: Sequence[int], outputs: int):
        super().__init__()
        if len(channels) != len(POOLS) + 1:
            raise InputError(f"network.channels needs {len(POOLS) + 1} numbers, one a level, not {len(channels)}.")
        before = [1, *channels[:-1]]
        self.down = nn.ModuleList(_level(i, max(i, o // 2), o) for i, o in zip(before, channels, strict=True))
        self.pools = nn.ModuleList(nn.MaxPool3d(size, ceil_mode=True) for size in POOLS)
        upward = list(pairwise(channels))[::-1]
        self.up = nn.ModuleList(_level(skip + below, skip, skip) for skip, below in upward)
        # Not in three dimensions: in bfloat16 PyTorch 2.13 then corrupts the memory of a CPU, at 128 pixels.
        self.head = nn.Conv2d(channels[0] * heights, outputs, 1)

    def forward(self, stacks: Tensor) -> Tensor:
        x = stacks[:, None]
        skips = []
        for level, pool in zip(self.down, [*self.pools, nn.Identity()], strict=True):
            x = level(x)
            skips.append(x)
            x = pool(x)
        skips.pop()
        for level in self.up:
            skip = skips.pop()
            x = nn.functional.interpolate(x, size=skip.shape[2:], mode="nearest")
            x = level(torch.cat([skip, x], dim=1))
        return self.head(x.flatten(1, 2))


def _level(inputs: int, between: int, outputs: int) -> nn.Sequential:
    def convolution(i: int, o: int) -> list[nn.Module]:
        groups = GROUPS if i % GROUPS == 0 else 1
        return [nn.GroupNorm(groups, i), nn.Conv3d(i, o, 3, padding=1, padding_mode="replicate"), nn.LeakyReLU()]

    return nn.Sequential(*convolution(inputs, between), *convolution(between, outputs))
