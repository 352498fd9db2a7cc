"""Relaxation of the probe particle on its springs, column by column from the top height down."""

import torch
from torch import Tensor

from icescope.afm.energy_grid import grid_force_and_hessian, inside
from icescope.afm.interaction import Sample, pair_force_and_hessian
from icescope.afm.tip import Springs, spring_force_and_hessian

TOLERANCE = 3e-3  # A; the error left by a Newton step that small is of the order of its square
LONGEST_STEP = 0.1  # A
LONGEST_MEMORY = 0.03  # A; a larger correction at the height above tells of a snap, not of a curvature
MOST_STEPS = 60
SOFTEST = 0.02  # of the lateral stiffness: the least eigenvalue that a step divides by; a true minimum rarely has less


def relax(
    anchor_xy: Tensor, tip_height: Tensor, sample: Sample, springs: Springs, tolerance: float = TOLERANCE
) -> tuple[Tensor, Tensor, Tensor]:
    """Equilibrium of the probe at every scan position and height.

    The scan approaches from the top height. At each height the probe first follows the tip, corrected by the
    linear response of the height above and by what that height's correction fell short of; then it takes Newton steps
    on the analytic Hessian (shifted where it is not positive definite). Only the points that have not converged are
    evaluated again. Neither a saddle point nor a probe that has flipped above its anchor counts as equilibrium. The
    force on the tip is the sample's on the probe: a small error of place errs less in it than in the stiff spring's.

    Parameters
    ----------
    anchor_xy
        (p, 2) lateral positions of the tip's anchor, A.
    tip_height
        (n,) ascending heights of the anchor, A.
    sample
        Atoms of b structures.
    tolerance
        Length of the last Newton step, A.

    Returns
    -------
    probe (b, n, p, 3), A; vertical force on the tip (b, n, p), eV/A; converged (b, n, p), bool.
    """
    batch, heights = len(sample.position), len(tip_height)
    anchor = torch.cat([anchor_xy, tip_height[-1].expand(len(anchor_xy), 1)], dim=-1).repeat(batch, 1, 1)
    rigid = anchor.new_tensor([0, 0, 1])
    probe = anchor + anchor.new_tensor(springs.free_probe())
    response, memory = rigid.expand_as(probe), torch.zeros_like(probe)
    levels = []
    for level in reversed(range(heights)):
        drop = tip_height[level] - anchor[0, 0, 2]
        anchor[..., 2] += drop
        predicted = probe + drop * rigid + _clip((response - rigid) * drop + memory)
        probe, converged, response, force = _newton(predicted, anchor, sample, springs, tolerance)
        converged = converged & (probe[..., 2] < anchor[..., 2])
        memory = memory + probe - predicted
        memory = memory * (memory.norm(dim=-1, keepdim=True) < LONGEST_MEMORY)
        if sample.grid is not None:
            converged = converged & inside(probe, sample.grid)
        levels.append((probe, force, converged))
    return tuple(torch.stack(values[::-1], dim=1) for values in zip(*levels, strict=True))


def _newton(
    probe: Tensor, anchor: Tensor, sample: Sample, springs: Springs, tolerance: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Newton steps until each is below tolerance: probe, converged, response, force as `_newton_step` has them."""
    probe, converged, response, force = _newton_step(probe, anchor, sample, springs, tolerance)
    for _ in range(MOST_STEPS):
        left = int((~converged).sum(-1).max())
        if left == 0:
            break
        # The points still moving, as many for each structure as the one with most of them has.
        moving = converged.to(torch.uint8).argsort(dim=-1, stable=True)[:, :left]
        at = moving[..., None].expand(-1, -1, 3)
        new = _newton_step(probe.gather(1, at), anchor.gather(1, at), sample, springs, tolerance)
        probe, response = probe.scatter(1, at, new[0]), response.scatter(1, at, new[2])
        converged, force = converged.scatter(1, moving, new[1]), force.scatter(1, moving, new[3])
    return probe, converged, response, force


def _newton_step(
    probe: Tensor, anchor: Tensor, sample: Sample, springs: Springs, tolerance: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step: new probe (b, p, 3), whether it has arrived (b, p), response (b, p, 3), vertical force there (b, p)."""
    force, hessian = force_and_hessian(probe, sample)
    spring_force, spring_hessian = spring_force_and_hessian(probe, anchor, springs)
    total = hessian + spring_hessian
    softest = SOFTEST * springs.lateral
    lowest = _smallest_eigenvalue(total)
    total[[0, 3, 5]] += (softest - lowest).clamp(min=0)
    inverse = _inverse(total)
    full = _times(inverse, (force + spring_force).unbind())
    step = _clip(full)
    _, _, xz, _, yz, zz = hessian
    reached = force[2] - xz * step[..., 0] - yz * step[..., 1] - zz * step[..., 2]
    return probe + step, (full.norm(dim=-1) < tolerance) & (lowest > 0), _response(inverse, hessian), reached


def force_and_hessian(probe: Tensor, sample: Sample) -> tuple[Tensor, Tensor]:
    """Force on the probe (3, b, p), eV/A, and Hessian of its energy (6, b, p), eV/A^2, by all that the sample holds."""
    force, hessian = pair_force_and_hessian(probe, sample)
    if sample.grid is not None:
        grid_force, grid_hessian = grid_force_and_hessian(probe, sample.grid)
        force, hessian = force + grid_force, hessian + grid_hessian
    return force, hessian


def response(probe: Tensor, anchor: Tensor, sample: Sample, springs: Springs) -> Tensor:
    """Derivative of the relaxed probe's position by its anchor's height: all (b, p, 3)."""
    hessian = force_and_hessian(probe, sample)[1]
    return _response(_inverse(hessian + spring_force_and_hessian(probe, anchor, springs)[1]), hessian)


def _response(inverse: Tensor, hessian: Tensor) -> Tensor:
    # The sample's force does not know the anchor's height: dp/dz = 1 - (H + springs)^-1 H on the z axis.
    _, _, xz, _, yz, zz = hessian
    follows = -_times(inverse, (xz, yz, zz))
    follows[..., 2] += 1
    return follows


def _clip(step: Tensor) -> Tensor:
    return step * (LONGEST_STEP / step.norm(dim=-1, keepdim=True).clamp(min=LONGEST_STEP))


def _smallest_eigenvalue(m: Tensor) -> Tensor:
    """Smallest eigenvalue of symmetric matrices (6, ...), by the trigonometric formula (Smith 1961)."""
    xx, xy, xz, yy, yz, zz = m
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    p = ((a * a + b * b + c * c + 2 * (xy * xy + xz * xz + yz * yz)) / 6).sqrt().clamp(min=1e-12)
    determinant = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    r = (determinant / (2 * p**3)).clamp(-1, 1)
    return mean + 2 * p * torch.cos(torch.arccos(r) / 3 + 2 * torch.pi / 3)


def _inverse(m: Tensor) -> Tensor:
    """Inverse of symmetric 3 x 3 matrices (6, ...) by the adjugate: much faster in batches than LAPACK."""
    xx, xy, xz, yy, yz, zz = m
    adjugate = torch.stack([
        yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy, xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    ])  # fmt: skip
    return adjugate / (xx * adjugate[0] + xy * adjugate[1] + xz * adjugate[2])


def _times(m: Tensor, v: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Symmetric matrices (6, ...) times vectors of components v: (..., 3)."""
    xx, xy, xz, yy, yz, zz = m
    x, y, z = v
    return torch.stack([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z], dim=-1)
