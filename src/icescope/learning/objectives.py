"""What a network's raw output means for each kind of map, and how far it is from the truth."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss

HEIGHT_WEIGHT = 0.1  # of an error of 1 A in height, against the cross-entropy of a heat map


class Objective(NamedTuple):
    """`loss(raw, map)` is one number a sample; `finish(raw)` is the map that the raw output stands for."""

    loss: Callable[[Tensor, Tensor], Tensor]
    finish: Callable[[Tensor], Tensor]
    start: tuple[float, ...]  # raw output that training starts from, an empty map: of equal parts of the channels


def colour_loss(raw: Tensor, colour_map: Tensor) -> Tensor:
    """Mean square error (n,) of colour maps (n, 3, y, x) (Tang et al. 2023, Methods)."""
    return (raw - colour_map).square().mean((1, 2, 3))


def peak_loss(raw: Tensor, peak_map: Tensor) -> Tensor:
    """Loss (n,) of heat maps as log odds, and heights, (n, 2 species, y, x).

    Cross-entropy of the heat, whose least value is where the output is the expected heat; plus the error of the height,
    A, weighted with the true heat.
    """
    heat, height = peak_map.chunk(2, dim=1)
    odds, guess = raw.chunk(2, dim=1)
    entropy = binary_cross_entropy_with_logits(odds, heat, reduction="none").mean((1, 2, 3))
    error = (heat * l1_loss(guess, height, reduction="none")).sum((1, 2, 3)) / heat.sum((1, 2, 3)).clamp(min=1)
    return entropy + HEIGHT_WEIGHT * error


def finish_peaks(raw: Tensor) -> Tensor:
    odds, height = raw.chunk(2, dim=1)
    return torch.cat([odds.sigmoid(), height], dim=1)


OBJECTIVES = {
    "avdw": Objective(colour_loss, lambda raw: raw.clamp(0, 1), (1.0,)),  # white
    "peaks": Objective(peak_loss, finish_peaks, (-3.0, 0.0)),  # heat, heights
}
