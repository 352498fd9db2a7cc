"""Relaxation of the probe particle on its springs, column by column from the top height down."""

from dataclasses import dataclass

import torch
from torch import Tensor

from icescope.afm.frequency_shift import NEWTON_PER_METRE
from icescope.afm.interaction import Sample, pair_force_and_hessian
from icescope.errors import InputError

TOLERANCE = 1e-3  # A; the error left by a Newton step that small is of the order of its square
LONGEST_STEP = 0.1  # A
MOST_STEPS = 60
SOFTEST = 0.02  # of the lateral stiffness: the least eigenvalue that a step divides by; a true minimum rarely has less
# Pairs of one tile: what fits a core's second-level cache, and what fills a GPU.
TILE = {"cpu": 2**16, "cuda": 2**26}


@dataclass(frozen=True)
class Tip:
    """A tip that ends in a flexible probe particle (Hapala et al. 2014).

    element, charge: the probe's element (Lennard-Jones table) and point charge (e).
    lateral_stiffness, radial_stiffness: springs to the anchor, N/m.
    length: distance of the free probe below the anchor, the tip's outmost metal atom, A.
    """

    element: str = "O"
    charge: float = -0.05
    lateral_stiffness: float = 0.5
    radial_stiffness: float = 20.0
    length: float = 4.0

    def __post_init__(self):
        for name in ("lateral_stiffness", "radial_stiffness", "length"):
            if not getattr(self, name) > 0:
                raise InputError(f"the tip's {name} must be positive, not {getattr(self, name)}.")


def spring_energy(probe: Tensor, anchor: Tensor, tip: Tip) -> Tensor:
    """Energy of the springs, eV: k_lat (dx^2 + dy^2) / 2 + k_rad (r - length)^2 / 2; probe, anchor (..., 3), A."""
    d = probe - anchor
    lateral = tip.lateral_stiffness / NEWTON_PER_METRE * d[..., :2].square().sum(-1)
    radial = tip.radial_stiffness / NEWTON_PER_METRE * (d.norm(dim=-1) - tip.length).square()
    return (lateral + radial) / 2


def spring_force_and_hessian(probe: Tensor, anchor: Tensor, tip: Tip) -> tuple[Tensor, Tensor]:
    """Force of the springs on the probe (..., 3), eV/A, and Hessian of their energy (..., 3, 3), eV/A^2."""
    d = probe - anchor
    lateral = torch.diag(torch.tensor([1.0, 1.0, 0.0])).to(d) * tip.lateral_stiffness / NEWTON_PER_METRE
    radial = tip.radial_stiffness / NEWTON_PER_METRE
    r = d.norm(dim=-1, keepdim=True)
    n = d / r
    force = -d @ lateral - radial * (r - tip.length) * n
    along = n[..., :, None] * n[..., None, :]
    across = torch.eye(3).to(d) - along
    return force, lateral + radial * (along + (1 - tip.length / r)[..., None] * across)


def relax(anchor_xy: Tensor, tip_height: Tensor, sample: Sample, tip: Tip) -> tuple[Tensor, Tensor, Tensor]:
    """Equilibrium of the probe at every scan position and height.

    The scan approaches from the top height. At each height the probe first follows the tip, corrected by the
    linear response of the height above, then takes Newton steps on the analytic Hessian (shifted where it is
    not positive definite); only the points that have not converged are evaluated again.

    Parameters
    ----------
    anchor_xy
        (p, 2) lateral positions of the tip's anchor, A.
    tip_height
        (n,) ascending heights of the anchor, A.
    sample
        Atoms of b structures.

    Returns
    -------
    probe (b, n, p, 3), A; vertical force on the tip (b, n, p), eV/A; converged (b, n, p), bool.
    """
    batch, points, heights = len(sample.position), len(anchor_xy), len(tip_height)
    probe_at = anchor_xy.new_empty(batch, heights, points, 3)
    force_at = anchor_xy.new_empty(batch, heights, points)
    converged_at = torch.empty(batch, heights, points, dtype=torch.bool, device=anchor_xy.device)
    width = max(1, TILE[anchor_xy.device.type] // (batch * sample.c12.shape[1]))
    for tile in torch.arange(points, device=anchor_xy.device).split(width):
        xy = anchor_xy[tile].expand(batch, -1, -1)
        anchor = torch.cat([xy, tip_height[-1].expand(batch, len(tile), 1)], dim=-1)
        probe = anchor - anchor.new_tensor([0, 0, tip.length])
        response = torch.zeros_like(probe)
        for level in reversed(range(heights)):
            drop = tip_height[level] - anchor[0, 0, 2]
            anchor[..., 2] += drop
            probe = probe + _clip(response * drop)
            probe[..., 2] += drop
            probe, converged, response = _newton(probe, anchor, sample, tip)
            probe_at[:, level, tile] = probe
            force_at[:, level, tile] = -spring_force_and_hessian(probe, anchor, tip)[0][..., 2]
            converged_at[:, level, tile] = converged
    return probe_at, force_at, converged_at


def _newton(probe: Tensor, anchor: Tensor, sample: Sample, tip: Tip) -> tuple[Tensor, Tensor, Tensor]:
    """Newton steps until each point's step is below TOLERANCE: probe (b, p, 3), converged (b, p), response.

    The response (b, p, 3) is the derivative of the probe's position by the anchor's height, less the rigid shift.
    """
    probe, step, response = _newton_step(probe, anchor, sample, tip)
    converged = step < TOLERANCE
    for _ in range(MOST_STEPS):
        left = int((~converged).sum(-1).max())
        if left == 0:
            break
        # The points still moving, as many for each structure as the one with most of them has.
        moving = converged.to(torch.uint8).argsort(dim=-1, stable=True)[:, :left]
        at = moving[..., None].expand(-1, -1, 3)
        new, step, new_response = _newton_step(probe.gather(1, at), anchor.gather(1, at), sample, tip)
        probe, response = probe.scatter(1, at, new), response.scatter(1, at, new_response)
        converged = converged.scatter(1, moving, step < TOLERANCE)
    return probe, converged, response


def _newton_step(probe: Tensor, anchor: Tensor, sample: Sample, tip: Tip) -> tuple[Tensor, Tensor, Tensor]:
    """One step: new probe (b, p, 3), length of the full step (b, p), response (b, p, 3)."""
    force, hessian = pair_force_and_hessian(probe, sample)
    spring_force, spring_hessian = spring_force_and_hessian(probe, anchor, tip)
    total = hessian + spring_hessian
    softest = SOFTEST * tip.lateral_stiffness / NEWTON_PER_METRE
    shift = (softest - _smallest_eigenvalue(total)).clamp(min=0)
    inverse = _inverse(total + shift[..., None, None] * torch.eye(3).to(total))
    step = (inverse @ (force + spring_force)[..., None])[..., 0]
    response = -(inverse @ hessian[..., 2:])[..., 0]
    return probe + _clip(step), step.norm(dim=-1), response


def _clip(step: Tensor) -> Tensor:
    return step * (LONGEST_STEP / step.norm(dim=-1, keepdim=True).clamp(min=LONGEST_STEP))


def _smallest_eigenvalue(m: Tensor) -> Tensor:
    """Smallest eigenvalue of symmetric 3 x 3 matrices (..., 3, 3), by the trigonometric formula (Smith 1961)."""
    mean = m.diagonal(dim1=-2, dim2=-1).mean(-1)
    deviation = m - mean[..., None, None] * torch.eye(3).to(m)
    p = (deviation.square().sum((-2, -1)) / 6).sqrt().clamp(min=1e-12)
    r = (_determinant(deviation) / (2 * p**3)).clamp(-1, 1)
    return mean + 2 * p * torch.cos(torch.arccos(r) / 3 + 2 * torch.pi / 3)


def _determinant(m: Tensor) -> Tensor:
    return (m[..., 0, :] * torch.linalg.cross(m[..., 1, :], m[..., 2, :])).sum(-1)


def _inverse(m: Tensor) -> Tensor:
    """Inverse of 3 x 3 matrices (..., 3, 3) by the adjugate: much faster in batches than LAPACK."""
    rows = [m[..., i, :] for i in range(3)]
    adjugate = torch.stack(
        [
            torch.linalg.cross(rows[1], rows[2]),
            torch.linalg.cross(rows[2], rows[0]),
            torch.linalg.cross(rows[0], rows[1]),
        ],
        dim=-1,
    )
    return adjugate / (rows[0] * adjugate[..., 0]).sum(-1)[..., None, None]
