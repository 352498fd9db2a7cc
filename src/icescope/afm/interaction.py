"""Forces between the probe particle and the atoms: Lennard-Jones pairs, and charges with the tip's multipole.

Energies in eV, lengths in A, charges in e. With d = probe - atom and r = |d| the pair energy is
E = eps [(R/r)^12 - 2 (R/r)^6] + k q Q / r for a monopole (Hapala et al. 2014, PRB 90, 085421, eqs. 1-3), where
R = R_i + R_probe and eps = sqrt(eps_i eps_probe); for a dz2 tip k q / r gives way to its second derivative
k q (3 dz^2 / r^5 - 1 / r^3).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from icescope.afm.energy_grid import EnergyGrid
from icescope.errors import InputError

COULOMB = 14.399645  # eV A / e^2
# Pairs of one tile: what fits a core's second-level cache, and what fills a GPU.
TILE = {"cpu": 2**17, "cuda": 2**26}


class Sample(NamedTuple):
    """Structures of a batch as the probe feels them.

    position (b, a, 3), A; c12, c6, kq (b, a): the pair energy is c12 / r^12 - c6 / r^6 + kq / r, or with kq times
    (3 dz^2 / r^5 - 1 / r^3) for a `dz2` tip. Padding atoms have zeros in all three. `grid` adds an energy on a grid.
    """

    position: Tensor
    c12: Tensor
    c6: Tensor
    kq: Tensor
    dz2: bool = False
    grid: EnergyGrid | None = None


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep a GPU from rounding single-precision products to TF32, which is too coarse for forces."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def lennard_jones_table() -> pd.DataFrame:
    """R_min/2 (A) and epsilon (eV) by element; each row names its source."""
    table = files("icescope.afm") / "lennard_jones.csv"
    return pd.read_csv(str(table), index_col="element", keep_default_na=False)


def lennard_jones_coefficients(symbols: list[str], probe: str) -> np.ndarray:
    """c12 (eV A^12) and c6 (eV A^6) of each atom with the probe: (n, 2).

    Raises
    ------
    InputError
        An element is not in the Lennard-Jones table.
    """
    known = _coefficients_with(probe)
    if unknown := sorted(set(symbols) - set(known)):
        raise InputError(f"no Lennard-Jones parameters for {', '.join(unknown)}; known elements: {', '.join(known)}.")
    return np.array([known[symbol] for symbol in symbols])


@cache
def _coefficients_with(probe: str) -> dict[str, tuple[float, float]]:
    table = lennard_jones_table()
    if probe not in table.index:
        raise InputError(f"no Lennard-Jones parameters for a tip of {probe}; known elements: {', '.join(table.index)}.")
    r = table.r_min_half + table.r_min_half[probe]
    epsilon = np.sqrt(table.epsilon * table.epsilon[probe])
    return dict(zip(table.index, zip(epsilon * r**12, 2 * epsilon * r**6, strict=True), strict=True))


def pair_energy(probe: Tensor, sample: Sample) -> Tensor:
    """Energy of the probe with all atoms: probe (b, p, 3) -> (b, p), eV."""
    d = probe[:, :, None] - sample.position[:, None]
    r = d.norm(dim=-1)
    t = r**-6
    coulomb = 3 * d[..., 2] ** 2 * r**-5 - r**-3 if sample.dz2 else 1 / r
    return ((sample.c12[:, None] * t - sample.c6[:, None]) * t + sample.kq[:, None] * coulomb).sum(-1)


def pair_force_and_hessian(probe: Tensor, sample: Sample) -> tuple[Tensor, Tensor]:
    """Force on the probe and Hessian of its energy with all atoms, in one sweep over the pairs.

    With u = r^-2 and t = r^-6: F = sum g d and H = sum (h d d^T - g I), where for a monopole
    g = u (12 c12 t^2 - 6 c6 t + kq / r) and h = u^2 (168 c12 t^2 - 48 c6 t + 3 kq / r). In place of the terms in kq the
    dz2 tip has, with e = kq / r^5 and w = 15 u dz^2: e (w - 3) in g and e u (7 w - 15) in h; it adds -6 e dz to F_z,
    v d to H's column and row z, where v = -30 e u dz, and 6 e to H_zz.

    Parameters
    ----------
    probe
        (b, p, 3), A.

    Returns
    -------
    force (3, b, p), eV/A, and hessian (6, b, p), eV/A^2: xx, xy, xz, yy, yz, zz.
    """
    width = max(1, TILE[probe.device.type] // sample.c12.numel())
    tiles = [_pair_sums(tile, sample) for tile in probe.split(width, dim=1)]
    x, y, z = torch.cat([centred for centred, _ in tiles], dim=1).unbind(-1)
    sums = torch.cat([sums for _, sums in tiles], dim=2)
    g0, gx, gy, gz, h0, hx, hy, hz, hxx, hxy, hxz, hyy, hyz, hzz, *more = sums.unbind(1)
    force = [g0 * x - gx, g0 * y - gy, g0 * z - gz]
    hessian = [
        (h0 * x - 2 * hx) * x + hxx - g0,
        (h0 * y - hy) * x - hx * y + hxy,
        (h0 * z - hz) * x - hx * z + hxz,
        (h0 * y - 2 * hy) * y + hyy - g0,
        (h0 * z - hz) * y - hy * z + hyz,
        (h0 * z - 2 * hz) * z + hzz - g0,
    ]
    if sample.dz2:
        v0, vx, vy, vz, e, e_dz = more
        force[2] = force[2] - 6 * e_dz
        hessian[2] = hessian[2] + v0 * x - vx
        hessian[4] = hessian[4] + v0 * y - vy
        hessian[5] = hessian[5] + 2 * (v0 * z - vz) + 6 * e
    return torch.stack(force), torch.stack(hessian)


def _pair_sums(probe: Tensor, sample: Sample) -> tuple[Tensor, Tensor]:
    """Probes counted from their middle (b, p, 3), and sums over the atoms (b, 14, p), for dz2 (b, 20, p).

    The sums are those of g and h, for dz2 also of v, e and e dz, with the moments of the atoms' positions from the same
    middle. All are matrix products, and so is |probe - atom|^2; from the middle they keep single precision's digits.
    """
    middle = probe.mean(dim=1, keepdim=True)
    p, a = probe - middle, sample.position - middle
    x, y, z = a.unbind(-1)
    moments = torch.stack([torch.ones_like(x), x, y, z, x * x, x * y, x * z, y * y, y * z, z * z], dim=1)
    p2, a2 = p.square().sum(-1, keepdim=True), a.square().sum(-1, keepdim=True)
    s = torch.cat([-2 * a, torch.ones_like(a2), a2], dim=-1) @ torch.cat([p, p2, torch.ones_like(p2)], dim=-1).mT
    s.rsqrt_()  # (b, a, p), as all that follow
    u = s * s
    t = (u * u).mul_(u)
    repulsion = (t * t).mul_(12 * sample.c12[..., None])
    attraction = t.mul_(6 * sample.c6[..., None])
    g = repulsion - attraction
    h = repulsion.mul_(14).sub_(attraction, alpha=8)
    charge = s.mul_(sample.kq[..., None])
    if not sample.dz2:
        g.add_(charge).mul_(u)
        h.add_(charge, alpha=3).mul_(u).mul_(u)
        return p, torch.cat([moments[:, :4] @ g, moments @ h], dim=1)
    dz = probe[:, None, :, 2] - sample.position[..., 2:]
    e = charge.mul_(u).mul_(u)
    e_u, e_dz = e * u, e * dz
    w = (dz * dz).mul_(u).mul_(15)
    g.mul_(u).addcmul_(e, w - 3)
    h.mul_(u).mul_(u).addcmul_(e_u, w.mul_(7).sub_(15))
    v = e_u.mul_(dz).mul_(-30)
    return p, torch.cat(
        [moments[:, :4] @ g, moments @ h, moments[:, :4] @ v, moments[:, :1] @ e, moments[:, :1] @ e_dz], dim=1
    )
