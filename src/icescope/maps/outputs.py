"""What a network may give: the kinds of map, each with how it is drawn and how atoms are found in it."""

from collections.abc import Callable
from typing import NamedTuple

from ase import Atoms
from torch import Tensor

from icescope.maps import avdw, peaks
from icescope.maps.locate import locate


class Output(NamedTuple):
    """One kind of map; `labels` is always the configuration's block of that name.

    Attributes
    ----------
    channels : (labels)
        Channels of a map.
    render : (position, kind, count, pixels, pixel_size, labels, origin)
        Maps (samples, channels, y, x) of structures in memory, on the device of `position`; see `peaks.render`.
    render_stacks : (stacks, labels, pixels=None)
        The same of all samples of a store, on the pixels of its images where no other number is given.
    locate : (maps, pixel_size, labels)
        One `Atoms` a map with arrays "confidence" and "pose", A.
    picture : (maps, labels)
        Maps as colours (samples, 3, y, x) in [0, 1].
    heights_known
        Whether z of the located atoms is predicted; else it follows from the poses.
    """

    channels: Callable[[dict], int]
    render: Callable[..., Tensor]
    render_stacks: Callable[..., Tensor]
    locate: Callable[[Tensor, float, dict], list[Atoms]]
    picture: Callable[[Tensor, dict], Tensor]
    heights_known: bool


def _colour_channels(labels: dict) -> int:
    return 3


def _colour_maps(position, kind, count, pixels: int, pixel_size: float, labels: dict, origin) -> Tensor:
    return avdw.render(position, kind, count, pixels, pixel_size, labels["disc_radius"])


def _clamped(maps: Tensor, labels: dict) -> Tensor:
    return maps.clamp(0, 1)


OUTPUTS = {
    "avdw": Output(_colour_channels, _colour_maps, avdw.render_stacks, locate, _clamped, False),
    "peaks": Output(peaks.channels, peaks.render, peaks.render_stacks, peaks.locate_peaks, peaks.picture, True),
}
