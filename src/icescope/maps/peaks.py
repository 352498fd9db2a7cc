"""Heat maps: a peak at every atom in the channel of its species, and how high the atom stands.

No atom hides another of a different species, however they overlap: what the a-vdW map cannot show has its place here.
"""

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from ase import Atoms
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from torch import Tensor

from icescope.errors import InputError
from icescope.maps.avdw import (
    KINDS,
    blocks,
    kinds_of_stacks,
    pose_of_rise,
    samples_of_atoms,
    squares_along,
    within_reach,
)

WIDTH = 0.37  # A, standard deviation of a peak: two hydrogens of a molecule seen from the side stay apart
REACH = 3 * WIDTH  # A, where a peak ends
SEPARATION = {"H": 0.5}  # A in the plane; of two peaks nearer than this the lower is the other's noise
OTHER_SEPARATION = 0.7  # A, of the other species
CANDIDATE = 0.5  # of the threshold: what the heat of a pixel must reach before the peak's own is worked out
FAINTEST = math.exp(-(REACH**2) / (2 * WIDTH**2))  # heat where a peak ends; what is below counts as this
APART = 1e3  # A between structures that are searched together


def channels(labels: dict) -> int:
    """Channels of a map: the heat of each species of `labels["disc_radius"]`, then the height of each."""
    return 2 * len(labels["disc_radius"])


def render(
    position: ArrayLike,
    kind: ArrayLike,
    count: ArrayLike,
    pixels: int,
    pixel_size: float,
    labels: dict,
    origin: ArrayLike,
) -> Tensor:
    """Heat and height maps of a batch of structures, on the device of `position` where it is a tensor.

    The heat of a species is max_i exp(-d_i^2 / 2 WIDTH^2), d_i the lateral distance of its atom i, within REACH; its
    height is the z of the atom that is nearest, from the origin, and 0 where none reaches.

    Parameters
    ----------
    position
        (atoms, 3) of all structures one after another, A; x and y from the map's lower left corner.
    kind
        (atoms,) index into `avdw.KINDS`.
    count
        (samples,) atoms of each structure.
    pixels, pixel_size
        The map has pixels x pixels squares of pixel_size, A.
    labels
        The configuration's block of that name: a species without a disc_radius is not drawn.
    origin
        (samples,) z that heights count from, A.

    Returns
    -------
    (samples, channels, pixels, pixels): heats in [0, 1], then heights, A; row 0 at the lowest y.
    """
    position, count = torch.as_tensor(position), torch.as_tensor(count)
    on, species = position.device, list(labels["disc_radius"])
    channel = [species.index(one.symbol) if one.symbol in species else -1 for one in KINDS]
    channel = torch.tensor(channel, device=on)[torch.as_tensor(kind, device=on).long()]
    near = within_reach(position, REACH, pixels * pixel_size) & (channel >= 0)
    sample, channel, position = samples_of_atoms(count, on)[near], channel[near], position[near].float()
    z = position[:, 2] - torch.as_tensor(origin, device=on)[sample]
    z = torch.cat([z, z.new_zeros(1)]).float()  # the last is of no atom
    farthest = int(REACH / pixel_size + 0.5)
    maps = torch.empty(len(count), 2, len(species), pixels, pixels, device=on)
    for samples, atoms in blocks(sample, len(count), (2 * farthest + 1) ** 2):
        (column, dx2), (row, dy2) = (squares_along(position[atoms, a], farthest, pixels, pixel_size) for a in (0, 1))
        closeness = (REACH**2 - dx2[:, None, :] - dy2[:, :, None]).clamp(min=0)
        # The bits of a positive number grow with it: above the number of an atom they let the nearest one win.
        index = torch.arange(atoms.start, atoms.stop, device=on)[:, None, None]
        key = (closeness.view(torch.int32).long() << 32) + index
        row = ((sample[atoms] - samples.start) * len(species) + channel[atoms])[:, None] * pixels + row
        where = row[:, :, None] * pixels + column[:, None, :]
        best = torch.zeros((samples.stop - samples.start) * len(species) * pixels**2, dtype=torch.int64, device=on)
        best.scatter_reduce_(0, where.view(-1), key.view(-1), "amax")
        best = best.view(-1, len(species), pixels, pixels)
        closeness = (best >> 32).int().view(torch.float32)
        maps[samples, 0] = torch.exp((closeness - REACH**2) / (2 * WIDTH**2)) * (closeness > 0)
        maps[samples, 1] = z[torch.where(closeness > 0, best & 0xFFFFFFFF, -1)]
    return maps.flatten(1, 2)


def render_stacks(stacks: xr.Dataset, labels: dict, pixels: int | None = None) -> Tensor:
    """Heat and height maps of all samples of an "afm_stacks" store, (samples, channels, y, x).

    `labels` is the configuration's block of that name; `pixels` those along the map's side, where they are not those
    of the images.

    Raises
    ------
    InputError
        The store does not say where its heights count from.
    """
    if "origin_height" not in stacks:
        raise InputError("maps of heights need origin_height, which windows lack: give their AFM stacks.")
    pixels = pixels or stacks.sizes["x"]
    kind = kinds_of_stacks(stacks, labels["pose_bound"])
    pixel_size = stacks.attrs["window_size"][0] / pixels
    position, count, origin = (stacks[name].values for name in ("position", "atom_count", "origin_height"))
    return render(position, kind, count, pixels, pixel_size, labels, origin)


def locate_peaks(maps: Tensor, pixel_size: float, labels: dict) -> list[Atoms]:
    """Atoms of each map: the local maxima of the heats, placed by a parabola through the logarithm along x and y.

    The parabola is exact for a Gaussian of any width. The confidence in an atom is the heat at its top: 1 for an atom
    that is there; it is not a probability.

    Parameters
    ----------
    maps
        (n, channels, y, x) as of `render`, row 0 at the lowest y.
    pixel_size
        A.
    labels
        The configuration's block of that name: disc_radius (its species), pose_bound (A), threshold of the confidence.

    Returns
    -------
    One `Atoms` a map with arrays "confidence" and "pose", the most certain first. x and y from the map's lower left
    corner, z from the origin of heights, A. The pose of a hydrogen follows from its height over the nearest oxygen;
    it is "flat" where there is none.
    """
    species = list(labels["disc_radius"])
    heats, heights = maps.float().split(len(species), dim=1)
    found = []
    for channel in range(len(species)):
        heat = heats[:, channel]
        peak = _local_maxima(heat) & (heat >= CANDIDATE * labels["threshold"])
        sample, row, column = peak.nonzero(as_tuple=True)
        x, y, confidence = _tops(heat, sample, row, column)
        z = heights[sample, channel, row, column]
        one = torch.stack([sample, torch.full_like(sample, channel), x, y, z, confidence], dim=1)
        # The top of what lies beyond the edge is guessed; an atom a little outside is worth keeping for those inside.
        near = ((x - column - 0.5).abs() <= 1) & ((y - row - 0.5).abs() <= 1)
        found.append(one[near & (confidence >= labels["threshold"])])
    found = torch.cat(found).double().cpu().numpy() * [1, 1, pixel_size, pixel_size, 1, 1]
    found = found[np.lexsort((-found[:, 5], found[:, 0]))]
    found = found[~_doubled(found, np.array([SEPARATION.get(symbol, OTHER_SEPARATION) for symbol in species]))]
    sample, channel = found[:, :2].astype(int).T
    position = found[:, 2:5]
    symbol, confidence = np.array(species)[channel], found[:, 5]
    pose = _poses(position, symbol, sample, labels["pose_bound"])
    cell = [maps.shape[3] * pixel_size, maps.shape[2] * pixel_size, 0]
    structures = []
    for begin, end in pairwise(np.searchsorted(sample, np.arange(len(maps) + 1))):
        atoms = Atoms(symbol[begin:end], position[begin:end], cell=cell)
        atoms.set_array("confidence", confidence[begin:end])
        atoms.set_array("pose", pose[begin:end])
        structures.append(atoms)
    return structures


def picture(maps: Tensor, labels: dict) -> Tensor:
    """Maps as colours (samples, 3, y, x): white where no heat is, each species in the a-vdW map's colour."""
    heats = maps[:, : maps.shape[1] // 2].clamp(0, 1)
    colours = {kind.symbol: kind.colour for kind in reversed(KINDS)}  # of hydrogens that of the flat ones, their first
    ink = 1 - torch.tensor([colours[symbol] for symbol in labels["disc_radius"]])
    return (1 - torch.einsum("nsyx,sc->ncyx", heats, ink.to(heats.device))).clamp(0, 1)


def _local_maxima(heat: Tensor) -> Tensor:
    """Which pixels of heat (n, y, x) are as high as their four neighbours; of equal neighbours the first.

    The diagonal neighbours do not count: it may be that of another peak, two pixels off.
    """
    around = F.pad(heat, (1, 1, 1, 1), value=-torch.inf)
    first = (heat > around[:, 1:-1, :-2]) & (heat > around[:, :-2, 1:-1])
    return first & (heat >= around[:, 1:-1, 2:]) & (heat >= around[:, 2:, 1:-1])


def _tops(heat: Tensor, sample: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x, y (pixels from the map's corner) and heat of the tops of peaks, given their highest pixels, (peaks,) each.

    At the map's edge the parabola goes through the three outermost pixels.
    """
    log_heat = heat.clamp(min=FAINTEST).log()
    step = torch.tensor([-1, 0, 1], device=heat.device)
    middle_row, middle_column = row.clamp(1, heat.shape[1] - 2), column.clamp(1, heat.shape[2] - 2)
    along_x = log_heat[sample[:, None], row[:, None], middle_column[:, None] + step]
    along_y = log_heat[sample[:, None], middle_row[:, None] + step, column[:, None]]
    top, place = -log_heat[sample, row, column], []
    for line, middle in ((along_x, middle_column), (along_y, middle_row)):
        slope = (line[:, 2] - line[:, 0]) / 2
        curvature = (2 * line[:, 1] - line[:, 0] - line[:, 2]).clamp(min=1e-6)
        top = top + line[:, 1] + slope**2 / (2 * curvature)
        place.append(middle + 0.5 + slope / curvature)
    return *place, top.exp().clamp(max=1)


def _doubled(found: np.ndarray, separation: np.ndarray) -> np.ndarray:
    """Which of the peaks (n, 6), the highest of a map first, have a higher one of their species nearer than it may be.

    Columns are sample, channel, x, y, z, A, and confidence; `separation` is (channels,), A.
    """
    group = found[:, 0] * len(separation) + found[:, 1]
    place = np.column_stack([found[:, 2:4], APART * group])
    pair = cKDTree(place).query_pairs(separation.max(), output_type="ndarray")
    near = np.linalg.norm(place[pair[:, 0]] - place[pair[:, 1]], axis=1) < separation[found[pair[:, 0], 1].astype(int)]
    doubled = np.zeros(len(found), bool)
    doubled[pair[near].max(axis=1)] = True
    return doubled


def _poses(position: np.ndarray, symbol: np.ndarray, sample: np.ndarray, bound: float) -> np.ndarray:
    """Pose (n,) of every hydrogen relative to the nearest oxygen of its sample; "" for other atoms."""
    pose = np.full(len(symbol), "", dtype="<U4")
    place = np.column_stack([position, APART * sample])
    oxygen, hydrogen = symbol == "O", symbol == "H"
    _, nearest = cKDTree(place[oxygen]).query(place[hydrogen], distance_upper_bound=APART / 2)
    height = np.append(position[oxygen, 2], np.nan)  # the last of no oxygen
    pose[hydrogen] = pose_of_rise(position[hydrogen, 2] - height[nearest], bound)
    return pose
