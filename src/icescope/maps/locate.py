"""Atoms out of an a-vdW map."""

from functools import cache

import numpy as np
import torch
from ase import Atoms
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from icescope.maps.avdw import BACKGROUND, KINDS, OVERSAMPLING

OH_LENGTH = 1.0  # A, rigid SPC/E
SUPPRESSION = 5  # pixels: the stronger of two discs of one kind inside a square of this side is kept


def locate(colour_maps: Tensor, pixel_size: float, labels: dict) -> list[Atoms]:
    """Atoms of each map: maxima of the likeness to a disc of one kind, where the hue is that kind's as well.

    The likeness of a kind at a point is 1 - <|map - colour|^2> / |background - colour|^2, the mean taken over that
    kind's disc: 1 for the disc itself, 0 for the empty map. Maxima above the threshold are atoms, their place
    refined by a parabola through the neighbouring pixels, their likeness the confidence (not a probability). The hue,
    the direction of background - map, tells kinds apart however faint a dot is.

    Parameters
    ----------
    colour_maps
        (n, 3, y, x), row 0 at the lowest y.
    pixel_size
        A.
    labels
        The configuration's block of that name: disc_radius (A) and threshold.

    Returns
    -------
    One `Atoms` a map with arrays "confidence" and "pose". x and y from the map's lower left corner, A. A map
    has no absolute height: z counts from the nearest oxygen, and follows from the pose and the O-H length.
    """
    rows, columns = colour_maps.shape[-2:]
    likeness = disc_likeness(colour_maps.float(), pixel_size, labels["disc_radius"])
    hue = nearest_hue(colour_maps.float(), pixel_size, labels["disc_radius"])
    # A maximum among all hydrogens suppresses weaker ones of every pose.
    element = torch.stack([likeness[:, [k.symbol == kind.symbol for k in KINDS]].amax(1) for kind in KINDS], dim=1)
    # A disc between pixels has equal neighbours: a ramp too small to matter elsewhere lets one of them win.
    ramp = torch.arange(SUPPRESSION**2).view(SUPPRESSION, SUPPRESSION).repeat(rows, columns)[:rows, :columns]
    likeness, element = likeness + 1e-6 * ramp.to(likeness), element + 1e-6 * ramp.to(likeness)
    peak = max_pool2d(element, SUPPRESSION, stride=1, padding=SUPPRESSION // 2)
    found = (likeness == peak) & hue & (likeness > labels["threshold"])
    place = _refine(likeness)
    structures = []
    for index in range(len(colour_maps)):
        kind, row, column = (i.cpu().numpy() for i in found[index].nonzero(as_tuple=True))
        offset = place[index][:, kind, row, column].cpu().numpy()
        x = (column + 0.5 + offset[0]) * pixel_size
        y = (row + 0.5 + offset[1]) * pixel_size
        symbols = [KINDS[k].symbol for k in kind]
        pose = np.array([KINDS[k].pose for k in kind], dtype="<U4")
        z = _heights(np.stack([x, y], axis=1), np.array(symbols), pose)
        atoms = Atoms(symbols, np.stack([x, y, z], axis=1), cell=[columns * pixel_size, rows * pixel_size, 0])
        atoms.set_array("confidence", likeness[index, kind, row, column].clamp(0, 1).cpu().numpy().astype(float))
        atoms.set_array("pose", pose)
        structures.append(atoms)
    return structures


def disc_likeness(colour_maps: Tensor, pixel_size: float, disc_radius: dict) -> Tensor:
    """Likeness of every point to a disc of each kind, (n, kinds, y, x); see `locate`."""
    background = torch.tensor(BACKGROUND).to(colour_maps)
    likeness = []
    for kind in KINDS:
        if kind.symbol not in disc_radius:
            likeness.append(torch.full_like(colour_maps[:, 0], -1.0))
            continue
        colour = torch.tensor(kind.colour).to(colour_maps)
        difference = (colour_maps - colour[:, None, None]).square().sum(1, keepdim=True)
        mean = _disc_mean(difference, disc_radius[kind.symbol] / pixel_size)
        likeness.append(1 - mean[:, 0] / (background - colour).square().sum())
    return torch.stack(likeness, dim=1)


def nearest_hue(colour_maps: Tensor, pixel_size: float, disc_radius: dict) -> Tensor:
    """Whether a kind's hue is the nearest at each point, (n, kinds, y, x); hues are means over the smallest disc."""
    background = torch.tensor(BACKGROUND).to(colour_maps)
    ink = _disc_mean(background[:, None, None] - colour_maps, min(disc_radius.values()) / pixel_size)
    known = torch.tensor([kind.symbol in disc_radius for kind in KINDS])
    hues = background - torch.tensor([kind.colour for kind in KINDS]).to(colour_maps)
    likeness = torch.einsum("kc,ncyx->nkyx", hues / hues.norm(dim=1, keepdim=True), ink)
    likeness[:, ~known] = -torch.inf
    return likeness == likeness.amax(1, keepdim=True)


def _disc_mean(maps: Tensor, radius: float) -> Tensor:
    """Mean of each map (n, c, y, x) over a disc of a radius in pixels around every point."""
    disc = _disc(radius).to(maps)
    half = disc.shape[-1] // 2
    return conv2d(pad(maps, (half,) * 4, mode="replicate").flatten(0, 1)[:, None], disc[None, None]).view_as(maps)


@cache
def _disc(radius: float) -> Tensor:
    """Normalised disc of a radius in pixels, with partly covered pixels at its edge."""
    half = int(np.ceil(radius))
    sub = (np.arange((2 * half + 1) * OVERSAMPLING) + 0.5) / OVERSAMPLING - half - 0.5
    inside = (sub[:, None] ** 2 + sub[None, :] ** 2 <= radius**2).astype(np.float32)
    disc = inside.reshape(2 * half + 1, OVERSAMPLING, 2 * half + 1, OVERSAMPLING).mean((1, 3))
    return torch.from_numpy(disc / disc.sum())


def _refine(likeness: Tensor) -> Tensor:
    """Offset (n, 2, kinds, y, x) in x and y, pixels, of a maximum by parabolas through its neighbours."""
    padded = pad(likeness, (1, 1, 1, 1), mode="replicate")
    middle = padded[..., 1:-1, 1:-1]
    offsets = []
    for before, after in (
        (padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]),
        (padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]),
    ):
        curvature = (2 * middle - before - after).clamp(min=1e-6)
        offsets.append(((after - before) / (2 * curvature)).clamp(-0.5, 0.5))
    return torch.stack(offsets, dim=1)


def _heights(xy: np.ndarray, symbols: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Height of each hydrogen over its nearest oxygen, from the pose and the O-H length; 0 for other atoms."""
    z = np.zeros(len(xy))
    oxygen = xy[symbols == "O"]
    for sign, name in ((1, "up"), (-1, "down")):
        of_pose = pose == name
        if of_pose.any() and len(oxygen):
            lateral = np.linalg.norm(xy[of_pose, None] - oxygen[None], axis=-1).min(1)
            z[of_pose] = sign * np.sqrt(np.clip(OH_LENGTH**2 - lateral**2, 0, None))
    return z
