"""Gradients of the force on the tip, by implicit differentiation at the relaxed probe."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from icescope.afm.energy_grid import EnergyGrid, grid_energy
from icescope.afm.interaction import TILE, Sample, full_precision, pair_energy
from icescope.afm.relaxation import response
from icescope.afm.tip import Springs, spring_energy


class RelaxedForce(torch.autograd.Function):
    """Vertical force on the tip (b, n, p) with gradients to the sample and the springs.

    At equilibrium the force is -dE/dz of the anchor alone, as the energy E(probe, anchor) does not change with the
    probe. Its derivative by a parameter q is then that of dE/dq along the tip's approach, during which the probe moves
    by its response: dF/dq = -(d/dz) dE/dq. No step of the relaxation is differentiated.
    """

    @staticmethod
    def forward(ctx, relaxation, anchor_xy, tip_height, dz2, origin, step, intervals, *parameters):
        """Relax, and keep what the gradient needs; parameters: position, c12, c6, kq, coefficients, springs."""
        sample, springs = _rebuilt([one.detach() for one in parameters], dz2, origin, step, intervals)
        probe, force, converged = relaxation(anchor_xy, tip_height, sample, springs)
        ctx.save_for_backward(anchor_xy, tip_height, probe, converged, origin, step, intervals, *parameters)
        ctx.dz2 = dz2
        ctx.mark_non_differentiable(probe, converged)
        return force, probe, converged

    @staticmethod
    @once_differentiable
    @full_precision()
    def backward(ctx, slope, *_):
        """Sum over the points, tile by tile; points without equilibrium have no gradient and take no part."""
        anchor_xy, tip_height, probe, converged, origin, step, intervals, *parameters = ctx.saved_tensors
        needed_of = ctx.needs_input_grad[-len(parameters) :]
        parameters = [one.detach().requires_grad_(needed) for one, needed in zip(parameters, needed_of, strict=True)]
        wanted = [one for one in parameters if one.requires_grad]
        sums = [torch.zeros_like(one) for one in wanted]
        batch, heights, points = slope.shape
        slope = (slope * converged).flatten(1)
        anchor = (
            torch.cat([anchor_xy.expand(heights, -1, -1), tip_height[:, None, None].expand(-1, points, 1)], dim=-1)
            .view(1, -1, 3)
            .expand(batch, -1, -1)
        )
        width = max(1, TILE[slope.device.type] // parameters[1].numel())
        constants = _rebuilt([one.detach() for one in parameters], ctx.dz2, origin, step, intervals)
        fields = (probe.flatten(1, 2), anchor, slope)
        for at, held, weight in zip(*(one.split(width, dim=1) for one in fields), strict=True):
            motion = response(at, held, *constants)
            with torch.enable_grad():
                sample, springs = _rebuilt(parameters, ctx.dz2, origin, step, intervals)
                at, held = at.detach().requires_grad_(), held.detach().clone().requires_grad_()
                energy = pair_energy(at, sample) + spring_energy(at, held, springs)
                if sample.grid is not None:
                    energy = energy + grid_energy(at, sample.grid)
                uphill, lift = torch.autograd.grad(energy.sum(), (at, held), create_graph=True)
                descent = -(weight * ((uphill * motion).sum(-1) + lift[..., 2])).sum()
            for total, part in zip(sums, torch.autograd.grad(descent, wanted, allow_unused=True), strict=True):
                if part is not None:
                    total += part
        remaining = iter(sums)
        return *[None] * (len(ctx.needs_input_grad) - len(parameters)), *[
            next(remaining) if one.requires_grad else None for one in parameters
        ]


def _rebuilt(parameters: list[Tensor], dz2: bool, origin: Tensor, step: Tensor, intervals: Tensor):
    position, c12, c6, kq, coefficients, *springs = parameters
    grid = EnergyGrid(coefficients, origin, step, intervals) if coefficients.numel() else None
    return Sample(position, c12, c6, kq, dz2, grid), Springs(*springs)
