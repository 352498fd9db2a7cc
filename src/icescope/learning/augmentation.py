"""The paper's three augmentations: pixel shift, noise, cutout (Tang et al. 2023, Data preparation); and turning.

Amounts as in the same group's later public code. All act on whole batches (n, heights, y, x), on the device of the
images, and draw from the generator that they are given.
"""

import torch
from torch import Tensor

from icescope.learning.views import VIEWS, turned


def augment(images: Tensor, shift: int, noise: float, cutout: int, generator: torch.Generator) -> Tensor:
    """Pixel shift, then noise, then cutout; see the functions below."""
    images = shift_pixels(images, shift, generator)
    images = add_noise(images, noise, generator)
    return cut_out(images, cutout, generator)


def shift_pixels(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Move each image by up to `most` whole pixels along x and y; the border is repeated. Stands for drift."""
    n, heights, rows, columns = images.shape
    for axis, size in ((-2, rows), (-1, columns)):
        move = torch.randint(-most, most + 1, (n, heights, 1), generator=generator, device=images.device)
        source = (torch.arange(size, device=images.device) + move).clamp(0, size - 1)
        index = source[..., :, None] if axis == -2 else source[..., None, :]
        images = images.gather(axis, index.expand_as(images))
    return images


def add_noise(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Uniform noise added, or Gaussian noise multiplied: one of the two for each stack.

    The added noise spans up to `amount` of each image's range either way; the factors have a standard deviation of
    up to `amount`. The strength is drawn for each stack.
    """

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=images.device)

    n = len(images)
    strength = amount * draw(n, 1, 1, 1)
    spread = images.amax((-2, -1), keepdim=True) - images.amin((-2, -1), keepdim=True)
    added = strength * spread * (2 * draw(*images.shape) - 1)
    factors = torch.randn(images.shape, generator=generator, device=images.device)
    multiplied = images * strength * factors
    return images + torch.where(draw(n, 1, 1, 1) < 0.5, added, multiplied)


def cut_out(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """One rectangle of up to `most` pixels in each image replaced by the image's mean."""
    n, heights, rows, columns = images.shape

    def draw() -> Tensor:
        return torch.rand(n, heights, 1, generator=generator, device=images.device)

    area = most * draw()
    height = (area.sqrt() * 2 ** (2 * draw() - 1)).clamp(max=rows)  # aspect ratios from 1:4 to 4:1
    width = (area / height.clamp(min=1)).clamp(max=columns)
    top, left = draw() * (rows - height), draw() * (columns - width)
    row = torch.arange(rows, device=images.device) + 0.5
    column = torch.arange(columns, device=images.device) + 0.5
    inside_rows = (row >= top) & (row < top + height)
    inside_columns = (column >= left) & (column < left + width)
    inside = inside_rows[..., :, None] & inside_columns[..., None, :]
    return torch.where(inside, images.mean((-2, -1), keepdim=True), images)


def turn(images: Tensor, maps: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror and rotate square images and their maps together, all of a batch alike, in one of eight ways."""
    view = int(torch.randint(0, VIEWS, (1,), generator=generator, device=images.device))
    return turned(images, view), turned(maps, view)
