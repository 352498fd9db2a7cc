"""Periodic images in x and y: near ones as atoms, the field of all further ones on a coarse grid."""

from itertools import product

import numpy as np
import torch
from torch import Tensor

from icescope.afm.interaction import COULOMB

# Images of atoms up to this distance beside the scanned area are summed pair by pair, A. The dispersion of all that
# lies beyond shifts the frequency of a water layer by less than 2e-4 Hz.
REACH = 16.0
# The 2D Ewald sum's screening, 1/A: beyond REACH the screened charges vanish (erfc(0.27 x 16) = 1e-9).
SCREENING = 0.27
LINE_REACH = 400.0  # A; along a single periodic direction a neutral cell's images are summed up to there
SPACING = 2.0  # A, of the grid: the further images' field changes over distances of the order of REACH


def images(
    positions: np.ndarray, vectors: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Periodic images of atoms within REACH of a rectangle.

    Parameters
    ----------
    positions
        (n, 3), A.
    vectors
        (1 or 2, 2) lattice vectors in the plane, A.
    low, high
        (2,) corners of the rectangle, A.

    Returns
    -------
    index (m,) of the atom that each image copies, and shift (m, 3), A.
    """
    lower, upper = low - REACH, high + REACH
    corners = np.array(list(product(*zip(lower, upper, strict=True))))
    # Steps of the lattice that carry any atom into the rectangle; along a line, those that come near it.
    reached = (corners[:, None] - positions[None, :, :2]) @ np.linalg.pinv(vectors)
    ranges = [np.arange(np.floor(one.min()), np.ceil(one.max()) + 1) for one in np.moveaxis(reached, 2, 0)]
    shift = np.array(list(product(*ranges))) @ vectors
    at = positions[None, :, :2] + shift[:, None]
    which, index = np.nonzero(((at >= lower) & (at <= upper)).all(-1))
    return index, np.pad(shift[which], ((0, 0), (0, 1)))


def further_potential(
    position: Tensor, charge: Tensor, index: np.ndarray, shift: np.ndarray, vectors: np.ndarray, axes: list[np.ndarray]
) -> Tensor:
    """Potential of all periodic images but those given, on a grid that lies among the latter.

    Along two directions: the Ewald sum of a slab (Parry 1975, Surf. Sci. 49, 433) less the bare potential of the given
    images; it is exact for a neutral cell, whatever its dipole. Along one direction: a plain sum, which converges fast.

    Parameters
    ----------
    position, charge
        (n, 3), A, and (n,), e, in double precision; the cell must be neutral.
    index, shift
        See `images`.
    vectors
        (1 or 2, 2) lattice vectors in the plane, A.
    axes
        x, y and z of the grid, A.

    Returns
    -------
    (x, y, z), V.
    """
    x, y, z = (torch.from_numpy(axis) for axis in axes)
    points, shape = torch.cartesian_prod(x, y, z), (len(x), len(y), len(z))
    near, near_charge = position[index] + torch.from_numpy(shift), charge[index]
    if len(vectors) == 2:
        r = _distances(points, near)
        screened = (torch.erf(SCREENING * r) / r) @ near_charge
        return COULOMB * (_smooth_potential(position, charge, vectors, x, y, z) - screened.view(shape))
    most = int(LINE_REACH / np.linalg.norm(vectors[0]))
    cells = np.pad(np.arange(-most, most + 1)[:, None] * vectors[0], ((0, 0), (0, 1)))
    every = (position + torch.from_numpy(cells)[:, None]).flatten(0, 1)
    potential = (1 / _distances(points, every)) @ charge.repeat(len(cells)) - (
        1 / _distances(points, near)
    ) @ near_charge
    return COULOMB * potential.view(shape)


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
    # G and -G together. exp(G h) erfc(G / 2 alpha + alpha h) is written by erfcx, as either factor alone overflows.
    norm = g.norm(dim=1)[:, None, None]
    b = norm / (2 * SCREENING)
    across = torch.special.erfcx(a + b) * torch.exp(-(a**2) - b**2)
    across = across + torch.exp(-norm * height.abs()) * torch.special.erfc(b - a)
    phase = charge * _wave(-(g @ position[:, :2].T))
    structure = (2 / norm * across * phase[:, None]).sum(-1)  # (g, z)
    along_x, along_y = _wave(x[:, None] * g[:, 0]), _wave(y[:, None] * g[:, 1])
    waves = torch.einsum("xg,yg,gz->xyz", along_x, along_y, structure).real
    return np.pi / area * (waves + plane)


def _distances(points: Tensor, others: Tensor) -> Tensor:
    return torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")


def _wave(angle: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(angle), angle)
