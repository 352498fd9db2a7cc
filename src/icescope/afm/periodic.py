"""Periodic images in x and y: near ones as atoms, the energy with all further ones on a coarse grid."""

from itertools import product
from math import ceil

import numpy as np
import torch
from torch import Tensor

from icescope.afm.interaction import COULOMB

REACH = 16.0  # A; images of atoms up to this distance beside the scanned area are summed pair by pair
DISPERSION_REACH = 40.0  # A; what lies beyond changes the shift by some 1e-5 Hz
# The 2D Ewald sum's screening, 1/A: beyond REACH the screened charges vanish (erfc(0.27 x 16) = 1e-9).
SCREENING = 0.27
LINE_REACH = 400.0  # A; along a single periodic direction a neutral cell's images are summed up to there
# A; an atom nearer to a point of the grid counts as at this distance: CLOSE where two sums cancel there, ALMOST_ON
# where the function has a limit.
CLOSE, ALMOST_ON = 0.5, 1e-6
SPACING = 1.0  # A, of the grid: the further images' energy changes over distances of the order of REACH
BLOCK = 2**21  # numbers of one piece of a sum: 16 MB


def images(
    positions: np.ndarray, vectors: np.ndarray, low: np.ndarray, high: np.ndarray, reach: float = REACH
) -> tuple[np.ndarray, np.ndarray]:
    """Periodic images of atoms within reach of a rectangle.

    Parameters
    ----------
    positions
        (n, 3), A.
    vectors
        (1 or 2, 2) lattice vectors in the plane, A.
    low, high
        (2,) corners of the rectangle, A.
    reach
        A.

    Returns
    -------
    index (m,) of the atom that each image copies, and shift (m, 3), A.
    """
    lower, upper = low - reach, high + reach
    corners = np.array(list(product(*zip(lower, upper, strict=True))))
    # Steps of the lattice that carry any atom into the rectangle; along a line, those that come near it.
    reached = (corners[:, None] - positions[None, :, :2]) @ np.linalg.pinv(vectors)
    ranges = [np.arange(np.floor(one.min()), np.ceil(one.max()) + 1) for one in np.moveaxis(reached, 2, 0)]
    shift = np.array(list(product(*ranges))) @ vectors
    at = positions[None, :, :2] + shift[:, None]
    which, index = np.nonzero(((at >= lower) & (at <= upper)).all(-1))
    return index, np.pad(shift[which], ((0, 0), (0, 1)))


def further_dispersion(
    position: Tensor, c6: Tensor, vectors: np.ndarray, low: np.ndarray, high: np.ndarray, axes: list[np.ndarray]
) -> Tensor:
    """Energy -sum c6 / r^6 (x, y, z), eV, with the images beyond REACH and within DISPERSION_REACH of a rectangle.

    Parameters
    ----------
    position, c6
        (n, 3), A, and (n,), eV A^6.
    vectors, low, high
        See `images`.
    axes
        x, y and z of the grid, A.
    """
    points, shape = _grid(axes)
    energy = 0.0
    for reach, sign in ((DISPERSION_REACH, -1), (REACH, 1)):
        index, shift = images(position.detach().numpy(), vectors, low, high, reach)
        energy = energy + sign * _sum(
            points, position[index] + torch.from_numpy(shift), c6[index], lambda r: (r * r).reciprocal() ** 3
        )
    return energy.view(shape)


def further_potential(
    position: Tensor, charge: Tensor, vectors: np.ndarray, low: np.ndarray, high: np.ndarray, axes: list[np.ndarray]
) -> Tensor:
    """Potential (x, y, z), V, of all periodic images beyond REACH of a rectangle.

    Along two directions: the Ewald sum of a slab (Parry 1975, Surf. Sci. 49, 433) less the bare potential of the
    images within; it is exact for a neutral cell, whatever its dipole. Along one direction: a plain sum.

    Parameters
    ----------
    position, charge
        (n, 3), A, and (n,), e, in double precision; the cell must be neutral.
    vectors, low, high, axes
        See `further_dispersion`.
    """
    points, shape = _grid(axes)
    index, shift = images(position.detach().numpy(), vectors, low, high)
    near, near_charge = position[index] + torch.from_numpy(shift), charge[index]
    if len(vectors) == 2:
        smooth = _smooth_potential(position, charge, vectors, *map(torch.from_numpy, axes))
        screened = _sum(points, near, near_charge, lambda r: torch.erf(SCREENING * r) / r, ALMOST_ON)
        return COULOMB * (smooth - screened.view(shape))
    line = vectors[0]
    away = (low + high) / 2 - position[:, :2].mean(0).detach().numpy()
    most = ceil(LINE_REACH / np.linalg.norm(line))
    cells = round(float(away @ line / (line @ line))) + np.arange(-most, most + 1)
    shift = torch.from_numpy(np.pad(cells[:, None] * line, ((0, 0), (0, 1))))
    every = (position + shift[:, None]).flatten(0, 1)
    total = _sum(points, every, charge.repeat(len(cells)), torch.reciprocal)
    return COULOMB * (total - _sum(points, near, near_charge, torch.reciprocal)).view(shape)


def _grid(axes: list[np.ndarray]) -> tuple[Tensor, tuple[int, ...]]:
    points = torch.cartesian_prod(*map(torch.from_numpy, axes))
    return points, tuple(len(axis) for axis in axes)


def _sum(points: Tensor, others: Tensor, weight: Tensor, function, closest: float = CLOSE) -> Tensor:
    """Sum over others (n, 3) of weight (n,) times a function of the distance, at points (m, 3): (m,).

    What is nearer to a point than `closest`, A, or on it, counts as at that distance.
    """
    pieces = points.split(max(1, BLOCK // max(1, len(others))))
    distances = (torch.cdist(one, others, compute_mode="donot_use_mm_for_euclid_dist") for one in pieces)
    return torch.cat([function(r.clamp(min=closest)) @ weight for r in distances])


def _smooth_potential(position: Tensor, charge: Tensor, vectors: np.ndarray, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """The Ewald sum's part in reciprocal space (x, y, z), e/A."""
    area = abs(np.linalg.det(vectors))
    reciprocal = 2 * np.pi * np.linalg.inv(vectors).T
    cutoff = 9 * SCREENING  # exp(-(9/2)^2) = 2e-9
    most = [int(cutoff * np.linalg.norm(vector) / (2 * np.pi)) + 1 for vector in vectors]
    steps = np.array([(i, j) for i in range(most[0] + 1) for j in range(-most[1], most[1] + 1) if i > 0 or j > 0])
    g = steps @ reciprocal
    g = torch.from_numpy(g[np.linalg.norm(g, axis=1) < cutoff])

    height = z[:, None] - position[:, 2]  # (z, n)
    a = SCREENING * height.abs()
    plane = -2 * (height * torch.erf(SCREENING * height) + torch.exp(-(a**2)) / (SCREENING * np.pi**0.5)) @ charge
    waves = torch.zeros(len(x), len(y), len(z), dtype=z.dtype)
    for some in g.split(max(1, BLOCK // height.numel())):
        # G and -G together. exp(G h) erfc(G / 2 alpha + alpha h) is written by erfcx, as either factor alone overflows.
        norm = some.norm(dim=1)[:, None, None]
        b = norm / (2 * SCREENING)
        across = torch.special.erfcx(a + b) * torch.exp(-(a**2) - b**2)
        across = across + torch.exp(-norm * height.abs()) * torch.special.erfc(b - a)
        phase = charge * _wave(-(some @ position[:, :2].T))
        structure = (2 / norm * across * phase[:, None]).sum(-1)  # (g, z)
        along_x, along_y = _wave(x[:, None] * some[:, 0]), _wave(y[:, None] * some[:, 1])
        waves = waves + torch.einsum("xg,yg,gz->xyz", along_x, along_y, structure).real
    return np.pi / area * (waves + plane)


def _wave(angle: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(angle), angle)
