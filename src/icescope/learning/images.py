"""What a network sees of a stack: some of its images, each standardised."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from icescope.errors import InputError


def standardise(images: Tensor) -> Tensor:
    """Zero mean and unit standard deviation of each image (..., y, x), so that no absolute scale is needed.

    Measured stacks often come as grey levels scaled image by image; simulated ones are treated the same way.
    """
    deviation, mean = torch.std_mean(images, dim=(-2, -1), keepdim=True, correction=0)
    return (images - mean) / deviation.clamp(min=1e-6)


def draw_heights(samples: int, available: int, wanted: int, generator: torch.Generator) -> Tensor:
    """Ascending indices (samples, wanted) of the images drawn from each stack.

    Gaps of one with a random few widened to two and a random start, as in the same group's later public code.

    Raises
    ------
    InputError
        The stack has fewer images than wanted.
    """
    if available < wanted:
        raise InputError(f"a stack has {available} images, but the network takes {wanted}.")
    device = generator.device
    most = min(wanted - 1, available - wanted)
    widened = torch.randint(0, most + 1, (samples, 1), generator=generator, device=device)
    order = torch.rand(samples, wanted - 1, generator=generator, device=device).argsort(1).argsort(1)
    offset = torch.zeros(samples, wanted, dtype=torch.long, device=device)
    offset[:, 1:] = (1 + (order < widened).long()).cumsum(1)
    room = available - 1 - offset[:, -1]
    start = (torch.rand(samples, generator=generator, device=device) * (room + 1)).long()
    return start[:, None] + offset


def take_heights(images: Tensor, chosen: Tensor) -> Tensor:
    """The chosen (n, wanted) images of each stack (n, height, y, x), in single precision."""
    rows = torch.arange(len(images), device=images.device)[:, None]
    return images[rows, chosen].float()


def high_frequency_residual(images: np.ndarray) -> np.ndarray:
    """Share (height) of each image's standard deviation that a Gaussian filter of 1 pixel removes.

    Noise and glitches raise it, blur lowers it: comparing it with the training images' shows one part of how far
    measured images lie from the simulated ones.

    Parameters
    ----------
    images : (height, y, x)
    """
    smooth = np.stack([gaussian_filter(image, 1.0, mode="nearest") for image in images])
    return np.std(images - smooth, axis=(1, 2)) / np.std(images, axis=(1, 2))
