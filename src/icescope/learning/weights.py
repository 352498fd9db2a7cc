"""Weights of networks for images, and what their card must hold."""

from pathlib import Path

import torch
from torch import nn

from icescope.config_faults import Validator
from icescope.errors import InputError
from icescope.learning.networks import build_network
from icescope.weights_file import read_weights, write_weights

KEYS = ("network", "heights", "pixel_size", "window_pixels", "window_size", "labels", "sha256")  # used in prediction
SPECIES = ("O", "H", "Na", "K")
SMALLEST_DISC = 0.6  # pixels, as in the configuration: smaller ones cannot be located


def _number(low: float, high: float) -> dict:
    return {"type": "number", "minimum": low, "maximum": high}


def _by_species(value: dict) -> dict:
    """Of values by name, such as "O" or "H settled"."""
    return {"type": "object", "additionalProperties": value}


_RADIUS, _SHARE = _number(0.05, 3.0), _number(0.0, 1.0)
_COUNT = {"type": "integer", "minimum": 1, "maximum": 2048}
_LINE = {"type": "array", "items": _number(-1e6, 1e6), "minItems": 2, "maxItems": 2}
# What prediction takes from a card, in the words of JSON Schema; lengths in A.
CARD = {
    "properties": {
        "network": {
            "type": "object",
            "properties": {
                "heights": _COUNT,
                "stride": _COUNT,
                "fine_blocks": _COUNT | {"minimum": 0, "maximum": 64},
                "members": _COUNT | {"maximum": 16},
                "channels": {"type": "array", "items": _COUNT, "maxItems": 16},
            },
        },
        "heights": _COUNT,
        "pixel_size": _number(0.05, 1.0),
        "window_pixels": _COUNT,
        "window_size": {"type": "array", "items": _number(0.0, 1000.0), "minItems": 3, "maxItems": 3},
        "labels": {
            "type": "object",
            "properties": {
                "disc_radius": _by_species(_RADIUS) | {"propertyNames": {"enum": SPECIES}, "required": ["O"]},
                "matching_radius": _by_species(_RADIUS),
                "pose_bound": _number(0.0, 3.0),
                "threshold": _SHARE,
            },
            "required": ["disc_radius", "matching_radius", "pose_bound", "threshold"],
        },
        "species": {"type": "array", "contains": {"const": "O"}},
        "calibration": _by_species(_LINE),
        "calibration_under_rules": _by_species(_LINE),
        "threshold": _by_species(_SHARE),
        "metrics": _by_species(_number(-1e6, 1e6)),
        "chance": _by_species(_SHARE),
        "residual": _LINE,
    }
}


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
    return read_weights(path, _build)


def check_card(card: dict) -> None:
    """Refuse a card that lacks one of `KEYS`."""
    for key in KEYS:
        if key not in card:
            raise InputError(
                f"The weights' card does not hold the key {key!r}, which prediction needs; train again with this"
                " version, or give other weights."
            )


def _build(card: dict) -> nn.Module:
    network, labels = card["network"], card["labels"]
    for fault in Validator(CARD).iter_errors(card):
        raise ValueError(f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}")
    if min(labels["disc_radius"].values()) < SMALLEST_DISC * card.get("pixel_size", 0.0):
        raise ValueError(f"a labels.disc_radius is below {SMALLEST_DISC} of pixel_size")
    if card.get("heights", network["heights"]) != network["heights"]:
        raise ValueError("heights is not network.heights")
    return build_network(network, labels)


def device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
