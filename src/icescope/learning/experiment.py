"""Measured images in, atoms out: one stack through the trained network, tile by tile."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from ase import Atoms

from icescope.errors import InputError
from icescope.learning.decoding import candidates, decode
from icescope.learning.images import standardise
from icescope.learning.objectives import OBJECTIVES
from icescope.learning.views import mean_of_views
from icescope.learning.weights import check_card, device
from icescope.maps.outputs import OUTPUTS
from icescope.progress import track

COARSEST_PIXEL = 1.0  # A; a hydrogen 1.0 A from its oxygen (SPC/E) cannot be told from it in coarser images
MOST_PIXELS = 8192  # of the network along an edge; of a map some GB
BOND = 1.2  # A, longest O-H distance that counts as a bond


@dataclass(frozen=True)
class Prediction:
    """What the network makes of one stack.

    Attributes
    ----------
    stack : (height, y, x)
        As read.
    used
        Indices of the images that the network took, from the surface upwards.
    images : (height, y, x)
        Those images at the network's pixel size, with coordinates in A.
    map : (channel, y, x)
        The merged map, see `maps.outputs`, on the same pixels.
    colour_map : (colour, y, x)
        A picture of it, red, green and blue from 0 to 1.
    atoms
        With arrays "confidence" (0 to 1), "pose", "molecule" and "settled", see `learning.decoding.decode`; x and y in
        A from the lower left corner of the images as given.
    """

    stack: xr.DataArray
    used: list[int]
    images: xr.DataArray
    map: xr.DataArray
    colour_map: xr.DataArray
    atoms: Atoms


def predict_stack(stack: xr.DataArray, network: torch.nn.Module, card: dict, batch_size: int = 16) -> Prediction:
    """Find the atoms that a stack of images shows.

    The images are brought to the network's pixel size and cut into windows of the size that it was trained on,
    overlapping by half; each window's images are standardised as in training, and its map is the mean over the window
    turned and mirrored; the windows' maps are merged with weights that fall towards the windows' edges; on the merged
    map peaks are located, and molecules chosen among them under the ice rules.

    Parameters
    ----------
    stack : (height, y, x)
        From `icescope.afm.measured.read_stack`.
    network
        Takes float32 (n, heights, y, x) to raw maps (n, channels, y, x); it is moved to the GPU where there is one.
    card
        Of the weights, with `icescope.learning.weights.KEYS`: lengths in A.
    batch_size
        Windows at a time.

    Raises
    ------
    InputError
        The card lacks a key, the stack has fewer images than the network takes or pixels too coarse for atoms, or
        the network gives no numbers.
    """
    check_card(card)
    check_stack(stack, card["heights"])
    used = choose_images(stack.sizes["height"], card["heights"], _name(stack))
    images = resample(stack.isel(height=used), card["pixel_size"])
    output = card["network"]["output"]
    channels = OUTPUTS[output].channels(card["labels"])
    raw = _predict_map(images.values, network, channels, card["window_pixels"], batch_size)
    merged = OBJECTIVES[output].finish(torch.from_numpy(raw)[None])
    place = {"y": images.y, "x": images.x}
    found = xr.DataArray(merged[0].numpy(), place, ("channel", "y", "x"))
    picture = OUTPUTS[output].picture(merged, card["labels"])[0].numpy()
    colour_map = xr.DataArray(picture, place | {"colour": list("rgb")}, ("colour", "y", "x"))
    atoms = decode(candidates(merged, card["pixel_size"], card), card)[0]
    width, height = stack.attrs.get("size", (extent(images.x.values), extent(images.y.values)))
    atoms = _place(atoms, images, card["pixel_size"], (width, height, card["window_size"][2]))
    return Prediction(stack, used, images, found, colour_map, atoms)


def check_stack(stack: xr.DataArray, heights: int) -> None:
    """Refuse a stack of fewer images than a network of `heights` images takes, or of pixels too coarse for atoms."""
    choose_images(stack.sizes["height"], heights, _name(stack))
    for axis in ("y", "x"):
        pixel = extent(stack[axis].values) / stack.sizes[axis]
        if pixel > COARSEST_PIXEL:
            raise InputError(
                f"{_name(stack)}: one pixel is {pixel:.2g} A along {axis}, too coarse to show atoms (at most"
                f" {COARSEST_PIXEL:g} A); check that cell.txt is in nm."
            )


def choose_images(available: int, needed: int, folder: str) -> list[int]:
    """Indices of `needed` images spread evenly over the `available` ones, in order, with the first and last."""
    if available < needed:
        raise InputError(
            f"{folder} has {available} images, but the network takes {needed}; measure more tip heights, or give"
            " weights that were trained on fewer."
        )
    return [int(index) for index in np.round(np.linspace(0, available - 1, needed))]


def resample(stack: xr.DataArray, pixel_size: float) -> xr.DataArray:
    """Bring images to square pixels of about `pixel_size` (A), with a low-pass filter where they get coarser.

    A whole number of new pixels fills the image, so that their size may differ from `pixel_size` by half a
    pixel over the image's side; the coordinates of the result are exact.

    Parameters
    ----------
    stack : (height, y, x)
        With coordinates x and y in A; their pixels need not be square.
    """
    shape, coordinates = [], {}
    for axis in ("y", "x"):
        centres = stack[axis].values
        length = extent(centres)
        count = max(1, round(length / pixel_size))
        if count > MOST_PIXELS:
            raise InputError(
                f"{_name(stack)}: the images are {length:.0f} A along {axis}, {count} pixels of the network; at most"
                f" {MOST_PIXELS} are predicted at a time: crop the images."
            )
        shape.append(count)
        coordinates[axis] = centres[0] - length / len(centres) / 2 + (np.arange(count) + 0.5) * length / count
    images = torch.from_numpy(stack.values.astype(np.float32))[None]
    if tuple(shape) != images.shape[2:]:
        images = F.interpolate(images, size=shape, mode="bicubic", antialias=True)
    return xr.DataArray(
        images[0].numpy(),
        dims=("height", "y", "x"),
        coords={"height": stack.height, **coordinates},
        attrs=stack.attrs,
    )


def tile_starts(length: int, tile: int) -> list[int]:
    """First pixels of tiles that overlap by half or more and cover `length` pixels from end to end."""
    return [*range(0, length - tile, max(1, tile // 2)), length - tile]


def tile_weight(tile: int) -> np.ndarray:
    """Weights (tile, tile) of one tile's pixels in the merged map: a Hann window that ends half a pixel outside.

    It is nowhere zero, so that the outer border, which only one tile covers, keeps its values.
    """
    window = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2
    return np.outer(window, window).astype(np.float32)


def extent(centres: np.ndarray) -> float:
    """Length (A) that equal pixels with these centres cover."""
    return float((centres[-1] - centres[0]) * len(centres) / (len(centres) - 1))


def _name(stack: xr.DataArray) -> str:
    """What a message calls the stack: its folder where it has one."""
    return stack.attrs.get("folder", "the stack")


def _predict_map(images: np.ndarray, network: torch.nn.Module, channels: int, tile: int, batch_size: int) -> np.ndarray:
    """Merged raw map (channel, y, x) of images (height, y, x): overlapping tiles through the network, averaged."""
    rows, columns = images.shape[1:]
    padding = [(0, 0), (0, max(0, tile - rows)), (0, max(0, tile - columns))]
    padded = torch.from_numpy(np.pad(images, padding, mode="reflect"))
    corners = [
        (row, column) for row in tile_starts(padded.shape[1], tile) for column in tile_starts(padded.shape[2], tile)
    ]
    network = network.to(device()).eval()
    weight = tile_weight(tile)
    total = np.zeros((channels, *padded.shape[1:]), dtype=np.float32)
    weights = np.zeros(padded.shape[1:], dtype=np.float32)
    batches = [corners[start : start + batch_size] for start in range(0, len(corners), batch_size)]
    with torch.inference_mode():
        for batch in track(batches, "predicting", total=len(batches)):
            tiles = torch.stack([padded[:, row : row + tile, column : column + tile] for row, column in batch])
            tiles = standardise(tiles.to(device()))
            maps = mean_of_views(network, tiles).cpu().numpy()
            if not np.isfinite(maps).all():
                raise InputError(
                    "The network's map has values that are not finite, as after a training that diverged; give other"
                    " weights, or train again with a lower learning rate."
                )
            for (row, column), one in zip(batch, maps, strict=True):
                window = np.s_[row : row + tile, column : column + tile]
                total[:, *window] += weight * one
                weights[window] += weight
    return (total / weights)[:, :rows, :columns]


def _place(atoms: Atoms, images: xr.DataArray, pixel_size: float, cell: tuple[float, float, float]) -> Atoms:
    """Move located atoms from multiples of `pixel_size` into the frame of the image, and give them its lattice (A)."""
    atoms = atoms.copy()
    for axis, name in enumerate(("x", "y")):
        centres = images[name].values
        pixel = extent(centres) / len(centres)
        atoms.positions[:, axis] *= pixel / pixel_size
        atoms.positions[:, axis] += centres[0] - pixel / 2
    atoms.set_cell(cell)
    atoms.set_pbc(False)
    return atoms
