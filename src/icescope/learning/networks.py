"""The networks by name: the paper's, and a lighter one; and ensembles of either."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from icescope.errors import InputError
from icescope.learning.objectives import OBJECTIVES
from icescope.learning.unet2d import UNet2d
from icescope.learning.unet3d import UNet3d
from icescope.maps.outputs import OUTPUTS

ARCHITECTURES = ("unet3d", "unet2d")


class Ensemble(nn.Module):
    """The mean of the raw maps of networks that differ in their seeds alone (Lakshminarayanan et al. 2017)."""

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, stacks: Tensor) -> Tensor:
        return torch.stack([member(stacks) for member in self.members]).mean(0)


def build_network(network: dict, labels: dict) -> nn.Module:
    """The network of a configuration, untrained: stacks (n, heights, y, x) to raw maps (n, channels, y, x).

    Parameters
    ----------
    network
        The configuration's block of that name: architecture, output, heights, channels, stride, fine_blocks, members.
    labels
        The block of that name.

    Raises
    ------
    InputError
        An unknown architecture or output, or channels that do not fit it.
    """
    for key, known in (("architecture", ARCHITECTURES), ("output", OUTPUTS)):
        if network[key] not in known:
            raise InputError(f"network.{key} is {network[key]!r}; take one of {', '.join(known)}.")
    if members_of(network) > 1:
        return Ensemble([build_network(network | {"members": 1}, labels) for _ in range(members_of(network))])
    sizes = network["heights"], network["channels"], OUTPUTS[network["output"]].channels(labels)
    if network["architecture"] == "unet2d":
        built = UNet2d(*sizes, network["stride"], network.get("fine_blocks", 0))  # older cards have none
    else:
        built = UNet3d(*sizes)
    bias, start = built.head.bias, torch.tensor(OBJECTIVES[network["output"]].start)
    with torch.no_grad():
        bias.copy_(start.repeat_interleave(len(bias) // len(start)))
    return built


def members_of(network: dict) -> int:
    """Networks of an ensemble; 1 where it is none, as in cards of weights older than ensembles."""
    return network.get("members", 1)
