"""The networks by name: the paper's, and a lighter one."""

from torch import nn

from icescope.errors import InputError
from icescope.learning.objectives import OBJECTIVES
from icescope.learning.unet2d import UNet2d
from icescope.learning.unet3d import UNet3d
from icescope.maps.outputs import OUTPUTS

ARCHITECTURES = ("unet3d", "unet2d")


def build_network(network: dict, labels: dict) -> nn.Module:
    """The network of a configuration, untrained: stacks (n, heights, y, x) to raw maps (n, channels, y, x).

    Parameters
    ----------
    network
        The configuration's block of that name: architecture, output, heights, channels, stride.
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
    sizes = network["heights"], network["channels"], OUTPUTS[network["output"]].channels(labels)
    built = UNet2d(*sizes, network["stride"]) if network["architecture"] == "unet2d" else UNet3d(*sizes)
    nn.init.constant_(built.head.bias, OBJECTIVES[network["output"]].start)
    return built
