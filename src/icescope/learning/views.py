"""A square image turned and mirrored: eight views of one sample, whose mean is a better map than one of them.

The tip is the same from all sides, so that an image turned is the image of the sample turned. A network knows that only
as well as it has learnt it.
"""

from torch import Tensor, nn

VIEWS = 8  # symmetries of a square


def turned(images: Tensor, view: int) -> Tensor:
    """Square images (..., y, x) under one of their symmetries: turned by `view` quarters, from 4 on mirrored first."""
    return (images.flip(-1) if view >= 4 else images).rot90(view % 4, (-2, -1))


def turned_back(images: Tensor, view: int) -> Tensor:
    """What `turned` was given."""
    images = images.rot90(-(view % 4), (-2, -1))
    return images.flip(-1) if view >= 4 else images


def mean_of_views(network: nn.Module, images: Tensor, views: int = VIEWS) -> Tensor:
    """Raw map (n, channels, y, x), the mean of what a network makes of so many views of images (n, heights, y, x)."""
    return sum(turned_back(network(turned(images, view)).float(), view) for view in range(views)) / views
