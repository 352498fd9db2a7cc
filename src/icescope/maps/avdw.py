"""The a-vdW map: atoms as coloured discs seen from above (Tang et al. 2023, Results and fig. 2).

Discs are drawn lowest first, so that the uppermost of two overlapping atoms shows. The paper gives the colours by name
and derives radii from sigma and colours from epsilon and charge in its supplement; the values here are ours.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import ArrayLike
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
    Kind("K", "", (1.0, 0.0, 0.6)),  # pink; the paper names none. Far from the others and their mixtures, to any eye
)
BACKGROUND = (1.0, 1.0, 1.0)
OVERSAMPLING = 4  # sub-pixels along each axis, so that the discs' edges keep the atoms' sub-pixel positions

_SQUARES_AT_ONCE = 2**18, 2**26  # that the atoms of a block may cover on a CPU (its cache) and a GPU (its memory)


def poses(position: np.ndarray, number: np.ndarray, molecule: np.ndarray, bound: float) -> np.ndarray:
    """Pose of every hydrogen relative to the oxygen of its molecule; "" for other atoms.

    Parameters
    ----------
    position, number, molecule
        (n, 3) A, (n,) atomic numbers, (n,) molecule of each atom, one number for one molecule.
    bound
        A hydrogen more than this above (below) its oxygen is "up" ("down"), A; else "flat".

    Raises
    ------
    InputError
        A hydrogen whose molecule has no oxygen.
    """
    pose = np.full(len(number), "", dtype="<U4")
    hydrogen, oxygen = np.flatnonzero(number == 1), np.flatnonzero(number == 8)
    oxygen = oxygen[np.argsort(molecule[oxygen], kind="stable")]
    own = np.searchsorted(molecule[oxygen], molecule[hydrogen])
    lone = ~np.isin(molecule[hydrogen], molecule[oxygen])
    if lone.any():
        raise InputError(
            f"atom {hydrogen[lone][0]} is a hydrogen, but its molecule has no oxygen; number whole waters."
        )
    pose[hydrogen] = pose_of_rise(position[hydrogen, 2] - position[oxygen[own], 2], bound)
    return pose


def pose_of_rise(rise: np.ndarray, bound: float) -> np.ndarray:
    """Pose (n,) of hydrogens that stand `rise` (n,) above their oxygens, A; "flat" where that is not known (NaN)."""
    return np.select([rise > bound, rise < -bound], ["up", "down"], "flat")


def kinds(number: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Index into KINDS of each atom, (n,).

    Raises
    ------
    InputError
        An element that the map has no colour for.
    """
    kind = np.full(len(number), -1)
    for index, one in enumerate(KINDS):
        kind[(number == atomic_numbers[one.symbol]) & (pose == one.pose)] = index
    if (kind < 0).any():
        unknown = chemical_symbols[number[kind < 0][0]]
        known = ", ".join(dict.fromkeys(one.symbol for one in KINDS))
        raise InputError(f"the a-vdW map has no colour for {unknown}; it knows {known}.")
    return kind


def kinds_of_stacks(stacks: xr.Dataset, pose_bound: float) -> np.ndarray:
    """Index into KINDS (atom,) of the atoms of a store of windows, hydrates or AFM stacks."""
    # Molecules are numbered inside each sample; make them unique.
    sample = np.repeat(np.arange(stacks.sizes["sample"]), stacks.atom_count)
    number, molecule = stacks.number.values, stacks.molecule.values
    molecule = sample * (int(molecule.max(initial=0)) + 1) + molecule
    return kinds(number, poses(stacks.position.values, number, molecule, pose_bound))


def render(
    position: ArrayLike, kind: ArrayLike, count: ArrayLike, pixels: int, pixel_size: float, disc_radius: dict
) -> Tensor:
    """Colour maps of a batch of structures, on the device of `position` where it is a tensor.

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
        Radius of each element's disc, A; an element without one is not drawn.

    Returns
    -------
    (samples, 3, pixels, pixels), in [0, 1], row 0 at the lowest y.
    """
    position, count = torch.as_tensor(position), torch.as_tensor(count)
    on, side, sub = position.device, pixels * OVERSAMPLING, pixel_size / OVERSAMPLING
    kind = torch.as_tensor(kind, device=on).long()
    radii = [disc_radius.get(one.symbol, 0.0) for one in KINDS]
    radius = torch.tensor(radii, dtype=torch.float64, device=on)[kind]
    palette = torch.tensor([BACKGROUND, *(one.colour for one in KINDS)], device=on)
    near = within_reach(position, radius, pixels * pixel_size)
    sample = samples_of_atoms(count, on)[near]
    position, kind, radius = position[near].double(), kind[near], radius[near]
    # Rank of every atom by height; the highest rank that covers a sub-pixel wins.
    order = torch.argsort(position[:, 2], stable=True)
    rank = torch.empty_like(order, dtype=torch.int32)
    rank[order] = torch.arange(1, len(order) + 1, dtype=torch.int32, device=on)
    colour_of_rank = palette[torch.cat([kind.new_zeros(1), kind[order] + 1])]
    farthest = int(np.ceil(max(radii) / sub))
    maps = torch.empty(len(count), 3, pixels, pixels, device=on)
    for samples, atoms in blocks(sample, len(count), (2 * farthest + 1) ** 2):
        (column, dx2), (row, dy2) = (squares_along(position[atoms, axis], farthest, side, sub) for axis in (0, 1))
        covered = dx2[:, None, :] + dy2[:, :, None] <= radius[atoms, None, None] ** 2
        # The sub-pixels of a pixel stand together.
        row = ((sample[atoms, None] - samples.start) * pixels + row // OVERSAMPLING) * side + row % OVERSAMPLING
        column = column // OVERSAMPLING * OVERSAMPLING**2 + column % OVERSAMPLING
        where = OVERSAMPLING * row[:, :, None] + column[:, None, :]
        top = torch.zeros((samples.stop - samples.start) * side**2, dtype=torch.int32, device=on)
        top.scatter_reduce_(0, where.view(-1), (covered * rank[atoms, None, None]).view(-1), "amax")
        colour = torch.nn.functional.embedding_bag(top.view(-1, OVERSAMPLING**2), colour_of_rank, mode="mean")
        maps[samples] = colour.view(-1, pixels, pixels, 3).movedim(-1, 1)
    return maps


def render_stacks(stacks: xr.Dataset, labels: dict, pixels: int | None = None) -> Tensor:
    """a-vdW maps of all samples of an "afm_stacks" or "windows" store.

    `labels` is the configuration's block of that name; `pixels` those along the map's side, where they are not those
    of the images. Returns (samples, 3, y, x).
    """
    pixels = pixels or stacks.sizes["x"]
    kind = kinds_of_stacks(stacks, labels["pose_bound"])
    pixel_size = stacks.attrs["window_size"][0] / pixels
    return render(stacks.position.values, kind, stacks.atom_count.values, pixels, pixel_size, labels["disc_radius"])


def within_reach(position: Tensor, reach: Tensor | float, side: float) -> Tensor:
    """Which atoms (atoms,) of `position` (atoms, 3) reach into a map of this side, all in A."""
    reach = torch.as_tensor(reach, device=position.device).view(-1, 1)
    return ((position[:, :2] > -reach) & (position[:, :2] < side + reach)).all(1)


def samples_of_atoms(count: Tensor, device: torch.device) -> Tensor:
    """Sample (atoms,) of each atom, of `count` (samples,)."""
    return torch.repeat_interleave(torch.arange(len(count), device=count.device), count).to(device)


def blocks(sample: Tensor, samples: int, squares: int) -> Iterator[tuple[slice, slice]]:
    """Runs of samples, and of their atoms, of which each covers `squares` of a map, that are drawn at once."""
    first = torch.searchsorted(sample, torch.arange(samples + 1, device=sample.device)).tolist()
    most = max((end - begin for begin, end in pairwise(first)), default=0)
    step = max(1, _SQUARES_AT_ONCE[sample.device.type != "cpu"] // (squares * max(1, most)))
    for begin in range(0, samples, step):
        end = min(begin + step, samples)
        yield slice(begin, end), slice(first[begin], first[end])


def squares_along(place: Tensor, farthest: int, side: int, size: float) -> tuple[Tensor, Tensor]:
    """Squares (atoms, 2 farthest + 1) around each atom along one axis, and how far their centres are, squared, A^2.

    `place` is (atoms,), A, the map has `side` squares of `size`, A, along the axis. Squares outside the map stand for
    the one at its edge, infinitely far away.
    """
    square = (place / size).floor().long()[:, None] + torch.arange(-farthest, farthest + 1, device=place.device)
    distance2 = ((square.to(place.dtype) + 0.5) * size - place[:, None]) ** 2
    return square.clamp(0, side - 1), distance2.masked_fill((square < 0) | (square >= side), torch.inf)
