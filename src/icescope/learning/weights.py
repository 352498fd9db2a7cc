"""Weights of networks for images, and what their card must hold."""

from pathlib import Path

import torch
from torch import nn

from icescope.errors import InputError
from icescope.learning.networks import build_network
from icescope.weights_file import read_weights, write_weights

KEYS = ("network", "heights", "pixel_size", "window_pixels", "window_size", "labels", "sha256")  # used in prediction


def save_weights(network: nn.Module, card: dict, path: str | Path) -> None:
    """Write the weights and their card; see `weights_file.write_weights`."""
    write_weights(network, card, path)


def load_weights(path: str | Path) -> tuple[nn.Module, dict]:
    """The network in evaluation mode and its card.

    Raises
    ------
    InputError
        Weights or card are missing or damaged, or do not belong together.
    """
    return read_weights(path, lambda card: build_network(card["network"], card["labels"]))


def check_card(card: dict) -> None:
    """Refuse a card that lacks one of `KEYS`."""
    for key in KEYS:
        if key not in card:
            raise InputError(
                f"The weights' card does not hold the key {key!r}, which prediction needs; train again with this"
                " version, or give other weights."
            )


def device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
