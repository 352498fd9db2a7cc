"""Weights as safetensors, with a JSON card beside them that says what they are."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from icescope.errors import InputError
from icescope.provenance import file_sha256
from icescope.storage import whole_file

Network = TypeVar("Network", bound=nn.Module)


def write_weights(network: nn.Module, card: dict, path: str | Path) -> None:
    """Write the weights to `path` (.safetensors) and the card, with the weights' SHA-256, to the same name in .json."""
    with whole_file(path) as partial:
        save_file({name: values.contiguous() for name, values in network.state_dict().items()}, partial)
    with whole_file(Path(path).with_suffix(".json")) as partial:
        partial.write_text(json.dumps({**card, "sha256": file_sha256(path)}, indent=2) + "\n", encoding="utf-8")


def read_weights(path: str | Path, build: Callable[[dict], Network]) -> tuple[Network, dict]:
    """The network in evaluation mode and its card.

    Parameters
    ----------
    build
        Makes the network of its card, its weights yet to be filled in; a `ValueError` says what is wrong with a card.

    Raises
    ------
    InputError
        Weights or card are missing or damaged, or do not belong together.
    """
    path = Path(path)
    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not os.path.isfile(file):
            raise InputError(f"{file} does not exist; weights are a .safetensors file with its .json card beside it.")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        with torch.device("meta"):  # takes no memory, whatever the card says
            size = sum(values.nbytes for values in build(card).state_dict().values())
        sha256 = card["sha256"]
    except KeyError as error:
        raise InputError(
            f"{card_path} is not a card of icescope weights: it does not hold the key {error}; train again with this"
            " version, or give other weights."
        ) from error
    except (ValueError, TypeError, RuntimeError, ArithmeticError, AttributeError, LookupError) as error:
        raise InputError(f"{card_path} is not a card of icescope weights ({error!r}).") from error
    if sha256 != file_sha256(path):
        raise InputError(f"{path} and {card_path} do not belong together: the weights have another SHA-256.")
    if size > path.stat().st_size:
        raise InputError(f"{path} does not hold the weights that its card describes, which have {size} bytes.")
    try:
        network = build(card)
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} does not hold the weights that its card describes ({error}).") from error
    return network.eval(), card
