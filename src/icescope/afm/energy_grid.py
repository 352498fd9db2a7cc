"""An energy of the probe on a grid, as a cubic spline with analytic force and Hessian."""

from functools import cache
from math import perm
from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import make_interp_spline
from torch import Tensor

FEWEST_NODES = 5  # along each axis, for the conditions at the spline's ends

# Polynomials of the four cubic B-splines on an interval: rows 1, t, t^2, t^3 (de Boor 1978).
BASIS = torch.tensor([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]], dtype=torch.float64) / 6


class EnergyGrid(NamedTuple):
    """Energies of b structures: B-spline coefficients (b, x, y, z), eV, of one interval more than nodes at both ends.

    origin, step (b, 3): first node and spacing, A. intervals (b, 3): as many as a structure has; beyond is padding.
    """

    coefficients: Tensor
    origin: Tensor
    step: Tensor
    intervals: Tensor


def spline_coefficients(values: Tensor) -> Tensor:
    """Coefficients (x + 2, y + 2, z + 2) of the cubic spline through values (x, y, z), not-a-knot at its ends."""
    for axis, count in enumerate(values.shape):
        matrix = torch.from_numpy(_interpolation_matrix(count)).to(values)
        values = torch.tensordot(matrix, values, dims=([1], [axis])).movedim(0, axis)
    return values


def second_derivative(values: Tensor, step: float) -> Tensor:
    """d2/dz2 of values (x, y, z) at their nodes, by splines of seventh degree where there are nodes enough."""
    return values @ torch.from_numpy(_second_derivative_matrix(values.shape[2])).to(values).T / step**2


@cache
def _interpolation_matrix(count: int) -> np.ndarray:
    system = np.zeros((count + 2, count + 2))
    for node in range(count):
        system[node, node : node + 3] = np.array([1, 4, 1]) / 6
    # Not-a-knot: the third derivative, third differences of the coefficients, has no jump at the last node but one.
    system[-2, :5] = system[-1, -5:] = [1, -4, 6, -4, 1]
    return np.linalg.inv(system)[:, :count]


@cache
def _second_derivative_matrix(count: int) -> np.ndarray:
    nodes = np.arange(count)
    degree = min(7, (count - 1) // 2 * 2 - 1)
    return make_interp_spline(nodes, np.eye(count), k=degree).derivative(2)(nodes)


def grid_energy(probe: Tensor, grid: EnergyGrid) -> Tensor:
    """Energy of probes (b, p, 3) on the grid: (b, p), eV."""
    patch, t = _patch(probe, grid)
    x, y, z = _weights(t, 0).to(probe).unbind(-2)
    return torch.einsum("bpijk,bpi,bpj,bpk->bp", patch, x, y, z)


def grid_force_and_hessian(probe: Tensor, grid: EnergyGrid) -> tuple[Tensor, Tensor]:
    """Force (3, b, p), eV/A, and Hessian (6, b, p), eV/A^2: xx, xy, xz, yy, yz, zz."""
    patch, t = _patch(probe, grid)
    # Weights of value, first and second derivative: (b, p, axis, derivative, node).
    weights = torch.stack([_weights(t, order) / grid.step[:, None, :, None] ** order for order in range(3)], dim=-2)
    x, y, z = weights.unbind(2)
    patch = torch.einsum("bpijk,bpck->bpijc", patch, z)
    patch = torch.einsum("bpijc,bpdj->bpicd", patch, y)
    e = torch.einsum("bpicd,bpei->edcbp", patch, x)
    force = torch.stack([-e[1, 0, 0], -e[0, 1, 0], -e[0, 0, 1]])
    return force, torch.stack([e[2, 0, 0], e[1, 1, 0], e[1, 0, 1], e[0, 2, 0], e[0, 1, 1], e[0, 0, 2]])


def inside(probe: Tensor, grid: EnergyGrid) -> Tensor:
    """Which probes (b, p, 3) stand on the grid: (b, p)."""
    at = (probe - grid.origin[:, None]) / grid.step[:, None]
    return ((at >= 0) & (at <= grid.intervals[:, None])).all(-1)


def _patch(probe: Tensor, grid: EnergyGrid) -> tuple[Tensor, Tensor]:
    """Coefficients about each probe (b, p, 4, 4, 4) and its place in its interval (b, p, 3), 0 to 1."""
    at = (probe - grid.origin[:, None]) / grid.step[:, None]
    interval = at.detach().floor().clamp(min=0).minimum(grid.intervals[:, None] - 1)
    first = interval.long()
    _, _, ny, nz = grid.coefficients.shape
    four = torch.arange(4, device=probe.device)
    offset = (four[:, None, None] * ny + four[:, None]) * nz + four
    index = ((first[..., 0] * ny + first[..., 1]) * nz + first[..., 2])[..., None] + offset.flatten()
    patch = grid.coefficients.flatten(1).gather(1, index.flatten(1))
    return patch.view(*probe.shape[:2], 4, 4, 4), at - interval


def _weights(t: Tensor, order: int) -> Tensor:
    """Weights (..., 4) of the coefficients for the derivative of that order by t (...)."""
    return torch.stack([perm(n, order) * t ** max(n - order, 0) for n in range(4)], dim=-1) @ BASIS.to(t)
