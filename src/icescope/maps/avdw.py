"""The a-vdW map: atoms as coloured discs seen from above (Tang et al. 2023, Results and fig. 2).

Discs are drawn lowest first, so that the uppermost of two overlapping atoms shows. The paper gives the colours by name
and derives radii from sigma and colours from epsilon and charge in its supplement; the values here are ours.
"""

from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from ase.data import chemical_symbols
from torch import Tensor

from icescope.errors import InputError


class Kind(NamedTuple):
    """What one disc stands for: an element, and for hydrogen its pose relative to its own oxygen."""

    symbol: str
    pose: str
    colour: tuple[float, float, float]


KINDS = (
    Kind("O", "", (1.0, 0.0, 0.0)),  # red
    Kind("H", "flat", (0.30, 0.70, 1.0)),  # light blue
    Kind("H", "up", (0.0, 1.0, 0.0)),  # green
    Kind("H", "down", (0.25, 0.10, 0.0)),  # brown
    Kind("Na", "", (0.29, 0.0, 0.51)),  # indigo
)
BACKGROUND = (1.0, 1.0, 1.0)
OVERSAMPLING = 4  # sub-pixels along each axis, so that the discs' edges keep the atoms' sub-pixel positions

_KIND_INDEX = {(kind.symbol, kind.pose): index for index, kind in enumerate(KINDS)}
_SUB_PIXELS_AT_ONCE = 4_000_000  # some 200 MB of working memory, whatever the resolution


def poses(position: np.ndarray, number: np.ndarray, molecule: np.ndarray, bound: float) -> np.ndarray:
    """Pose of every hydrogen relative to the oxygen of its molecule; "" for other atoms.

    Parameters
    ----------
    position, number, molecule
        (n, 3) A, (n,) atomic numbers, (n,) molecule of each atom, for one structure.
    bound
        A hydrogen more than this above (below) its oxygen is "up" ("down"), A; else "flat".
    """
    pose = np.full(len(number), "", dtype="<U4")
    oxygen_height = dict(zip(molecule[number == 8], position[number == 8, 2], strict=True))
    hydrogen = np.flatnonzero(number == 1)
    rise = position[hydrogen, 2] - np.array([oxygen_height[one] for one in molecule[hydrogen]])
    pose[hydrogen] = np.select([rise > bound, rise < -bound], ["up", "down"], "flat")
    return pose


def kinds(number: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Index into KINDS of each atom, (n,).

    Raises
    ------
    InputError
        An element that the map has no colour for.
    """
    try:
        return np.array([_KIND_INDEX[chemical_symbols[n], p] for n, p in zip(number, pose, strict=True)], int)
    except KeyError as error:
        raise InputError(f"the a-vdW map has no colour for {error.args[0][0]}; it knows O, H and Na.") from None


def render(
    position: np.ndarray, kind: np.ndarray, count: np.ndarray, pixels: int, pixel_size: float, disc_radius: dict
) -> Tensor:
    """Colour maps of a batch of structures.

    Parameters
    ----------
    position
        (atoms, 3) of all structures one after another, A; x and y from the map's lower left corner.
    kind
        (atoms,) index into KINDS.
    count
        (samples,) atoms of each structure.
    pixels, pixel_size
        The map has pixels x pixels squares of pixel_size, A.
    disc_radius
        Radius of each element's disc, A.

    Returns
    -------
    (samples, 3, pixels, pixels), in [0, 1], row 0 at the lowest y.
    """
    side = pixels * OVERSAMPLING
    sub = pixel_size / OVERSAMPLING
    palette = torch.tensor([BACKGROUND, *(one.colour for one in KINDS)])
    radius = np.array([disc_radius.get(one.symbol, 0.0) for one in KINDS])[kind]
    sample = np.repeat(np.arange(len(count)), count)
    maps = torch.empty(len(count), 3, pixels, pixels)
    first = np.concatenate([[0], np.cumsum(count)])
    farthest = int(np.ceil(radius.max(initial=0) / sub))
    reach = np.arange(-farthest, farthest + 1)
    step = max(1, _SUB_PIXELS_AT_ONCE // (len(reach) ** 2 * max(1, int(count.max(initial=1)))))
    for begin in range(0, len(count), step):
        end = min(begin + step, len(count))
        atoms = slice(first[begin], first[end])
        # Rank of every atom by height inside the chunk; the highest rank that covers a sub-pixel wins.
        rank = np.empty(first[end] - first[begin], int)
        rank[order := np.argsort(position[atoms, 2], kind="stable")] = np.arange(1, len(rank) + 1)
        cell = np.floor(position[atoms, :2] / sub).astype(int)
        column = cell[:, 0, None, None] + reach[None, None, :]
        row = cell[:, 1, None, None] + reach[None, :, None]
        dx = (column + 0.5) * sub - position[atoms, 0, None, None]
        dy = (row + 0.5) * sub - position[atoms, 1, None, None]
        covered = dx**2 + dy**2 <= radius[atoms, None, None] ** 2
        covered &= (column >= 0) & (column < side) & (row >= 0) & (row < side)
        where = ((sample[atoms, None, None] - begin) * side + row) * side + column
        top = torch.zeros((end - begin) * side * side, dtype=torch.long)
        ranks = np.broadcast_to(rank[:, None, None], covered.shape)[covered]
        top.scatter_reduce_(0, torch.from_numpy(where[covered]), torch.from_numpy(ranks), "amax")
        kind_of_rank = torch.from_numpy(np.concatenate([[0], kind[atoms][order] + 1]))
        colour = palette[kind_of_rank[top]].view(end - begin, side, side, 3).movedim(-1, 1)
        maps[begin:end] = torch.nn.functional.avg_pool2d(colour, OVERSAMPLING)
    return maps


def render_stacks(stacks: xr.Dataset, labels: dict) -> Tensor:
    """a-vdW maps of all samples of an "afm_stacks" or "windows" store on the pixels of its images.

    `labels` is the configuration's block of that name. Returns (samples, 3, y, x).
    """
    pixels = stacks.sizes["x"]
    pixel_size = stacks.attrs["window_size"][0] / pixels
    number = stacks.number.values
    # Molecules are numbered inside each sample; make them unique.
    sample = np.repeat(np.arange(stacks.sizes["sample"]), stacks.atom_count)
    molecule = sample * (int(stacks.molecule.max()) + 1) + stacks.molecule.values
    pose = poses(stacks.position.values, number, molecule, labels["pose_bound"])
    kind = kinds(number, pose)
    return render(stacks.position.values, kind, stacks.atom_count.values, pixels, pixel_size, labels["disc_radius"])
