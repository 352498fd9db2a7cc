"""The relaxation of relaxation.py as one Triton kernel: the same method, a block of neighbouring columns a program."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from icescope.afm.interaction import Sample
from icescope.afm.relaxation import LONGEST_MEMORY, LONGEST_STEP, MOST_STEPS, SOFTEST, TOLERANCE
from icescope.afm.tip import Springs

BLOCK = 64  # columns of a program, whose slowest decides; one warp


def relax_fused(
    anchor_xy: Tensor, tip_height: Tensor, sample: Sample, springs: Springs
) -> tuple[Tensor, Tensor, Tensor]:
    """Equilibrium of the probe: arguments and results of `relaxation.relax`, in float32."""
    batch, atoms = sample.c12.shape
    points, heights = len(anchor_xy), len(tip_height)
    packed = torch.stack([*sample.position.unbind(-1), 12 * sample.c12, 6 * sample.c6, sample.kq], dim=-1).contiguous()
    probe = packed.new_empty(batch, heights, points, 3)
    force = packed.new_empty(batch, heights, points)
    converged = torch.empty(batch, heights, points, dtype=torch.bool, device=packed.device)
    if sample.grid is None:
        grid, size = (packed.new_zeros(1),) * 2, (0, 0, 0)
    else:
        geometry = torch.cat([sample.grid.origin, sample.grid.step, sample.grid.intervals], dim=1).contiguous()
        grid, size = (sample.grid.coefficients.contiguous(), geometry), sample.grid.coefficients.shape[1:]
    used = (sample.c12 != 0).sum(1, dtype=torch.int32)  # a structure's own atoms come first, and each repels
    _relax[(triton.cdiv(points, BLOCK), batch)](
        anchor_xy.contiguous(), tip_height, packed, *grid, probe, force, converged.view(torch.uint8),
        used, points, heights, atoms, *size, *springs.numbers(), *springs.free_probe(),
        DZ2=sample.dz2, GRID=sample.grid is not None, TOLERANCE=TOLERANCE, LONGEST_STEP=LONGEST_STEP,
        LONGEST_MEMORY=LONGEST_MEMORY, MOST_STEPS=MOST_STEPS, SOFTEST=SOFTEST, BLOCK=BLOCK, num_warps=1,
    )  # fmt: skip
    return probe, force, converged


@triton.jit
def _pair_sums(x, y, z, atoms_at, atoms, DZ2: tl.constexpr):
    """Force and Hessian of the pair energy, as in `interaction.pair_force_and_hessian`."""
    zero = x * 0.0
    fx, fy, fz, gs = zero, zero, zero, zero
    xx, xy, xz, yy, yz, zz = zero, zero, zero, zero, zero, zero
    for i in range(atoms):
        at = atoms_at + 6 * i
        dx, dy, dz = x - tl.load(at), y - tl.load(at + 1), z - tl.load(at + 2)
        s = tl.rsqrt(dx * dx + dy * dy + dz * dz)
        u = s * s
        t = u * u * u
        repulsion, attraction, charge = tl.load(at + 3) * t * t, tl.load(at + 4) * t, tl.load(at + 5) * s
        if DZ2:
            e = charge * u * u
            w = 15 * u * dz * dz
            g = u * (repulsion - attraction) + e * (w - 3)
            h = u * (u * (14 * repulsion - 8 * attraction) + e * (7 * w - 15))
            v = -30 * e * u * dz
            fz -= 6 * e * dz
            xz += v * dx
            yz += v * dy
            zz += 2 * v * dz + 6 * e
        else:
            g = u * (repulsion - attraction + charge)
            h = u * u * (14 * repulsion - 8 * attraction + 3 * charge)
        hx, hy = h * dx, h * dy
        gs += g
        fx += g * dx
        fy += g * dy
        fz += g * dz
        xx += hx * dx
        xy += hx * dy
        xz += hx * dz
        yy += hy * dy
        yz += hy * dz
        zz += h * dz * dz
    return fx, fy, fz, xx - gs, xy, xz, yy - gs, yz, zz - gs


@triton.jit
def _weight(t, NODE: tl.constexpr, ORDER: tl.constexpr):
    """Cubic B-spline of that node of an interval, or its derivative of that order."""
    r = 1 - t
    if ORDER == 0:
        if NODE == 0:
            w = r * r * r / 6
        elif NODE == 1:
            w = (4 - 3 * t * t * (1 + r)) / 6
        elif NODE == 2:
            w = (4 - 3 * r * r * (1 + t)) / 6
        else:
            w = t * t * t / 6
    elif ORDER == 1:
        if NODE == 0:
            w = -r * r / 2
        elif NODE == 1:
            w = t * (3 * t - 4) / 2
        elif NODE == 2:
            w = -r * (3 * r - 4) / 2
        else:
            w = t * t / 2
    else:
        if NODE == 0:
            w = r
        elif NODE == 1:
            w = 3 * t - 2
        elif NODE == 2:
            w = 1 - 3 * t
        else:
            w = t
    return w


@triton.jit
def _grid_sums(x, y, z, coefficients, geometry, ny, nz):
    """The grid's force and Hessian, as in `energy_grid.grid_force_and_hessian`."""
    step_x, step_y, step_z = tl.load(geometry + 3), tl.load(geometry + 4), tl.load(geometry + 5)
    tx, ty, tz = (
        (x - tl.load(geometry)) / step_x,
        (y - tl.load(geometry + 1)) / step_y,
        (z - tl.load(geometry + 2)) / step_z,
    )
    inside = (tx >= 0) & (ty >= 0) & (tz >= 0) & (tx <= tl.load(geometry + 6)) & (ty <= tl.load(geometry + 7))
    inside = inside & (tz <= tl.load(geometry + 8))
    ix = tl.minimum(tl.maximum(tl.floor(tx), 0.0), tl.load(geometry + 6) - 1)
    iy = tl.minimum(tl.maximum(tl.floor(ty), 0.0), tl.load(geometry + 7) - 1)
    iz = tl.minimum(tl.maximum(tl.floor(tz), 0.0), tl.load(geometry + 8) - 1)
    tx, ty, tz = tx - ix, ty - iy, tz - iz
    first = (ix.to(tl.int32) * ny + iy.to(tl.int32)) * nz + iz.to(tl.int32)
    zero = x * 0.0
    ex, ey, ez, exx, exy, exz, eyy, eyz, ezz = zero, zero, zero, zero, zero, zero, zero, zero, zero
    for i in tl.static_range(4):
        for j in tl.static_range(4):
            a0, a1, a2 = zero, zero, zero
            for k in tl.static_range(4):
                c = tl.load(coefficients + first + (i * ny + j) * nz + k)
                a0 += c * _weight(tz, k, 0)
                a1 += c * _weight(tz, k, 1)
                a2 += c * _weight(tz, k, 2)
            x0, x1, x2 = _weight(tx, i, 0), _weight(tx, i, 1), _weight(tx, i, 2)
            y0, y1, y2 = _weight(ty, j, 0), _weight(ty, j, 1), _weight(ty, j, 2)
            ex += x1 * y0 * a0
            ey += x0 * y1 * a0
            ez += x0 * y0 * a1
            exx += x2 * y0 * a0
            exy += x1 * y1 * a0
            exz += x1 * y0 * a1
            eyy += x0 * y2 * a0
            eyz += x0 * y1 * a1
            ezz += x0 * y0 * a2
    return (
        -ex / step_x, -ey / step_y, -ez / step_z, exx / (step_x * step_x), exy / (step_x * step_y),
        exz / (step_x * step_z), eyy / (step_y * step_y), eyz / (step_y * step_z), ezz / (step_z * step_z), inside,
    )  # fmt: skip


@triton.jit
def _smallest_eigenvalue(xx, xy, xz, yy, yz, zz):
    """From below, by Newton steps on the characteristic polynomial b^3 - 3 b - 2 r of the scaled deviation."""
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    p = tl.maximum(tl.sqrt((a * a + b * b + c * c + 2 * (xy * xy + xz * xz + yz * yz)) / 6), 1e-12)
    determinant = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    r = tl.minimum(tl.maximum(determinant / (2 * p * p * p), -1.0), 1.0)
    root = p * 0 - 2.0
    for _ in tl.static_range(10):
        root -= (root * root * root - 3 * root - 2 * r) / tl.maximum(3 * root * root - 3, 1e-6)
    return mean + p * root


@triton.jit
def _clip(x, y, z, LONGEST_STEP: tl.constexpr):
    scale = LONGEST_STEP / tl.maximum(tl.sqrt(x * x + y * y + z * z), LONGEST_STEP)
    return x * scale, y * scale, z * scale


@triton.jit
def _relax(
    anchor_at, height_at, atoms_at, coefficients_at, geometry_at, probe_at, force_at, converged_at,
    used_at, points, heights, atoms, nx, ny, nz, lateral, radial, length, tilt_x, tilt_y, free_x, free_y, free_z,
    DZ2: tl.constexpr, GRID: tl.constexpr, TOLERANCE: tl.constexpr, LONGEST_STEP: tl.constexpr,
    LONGEST_MEMORY: tl.constexpr, MOST_STEPS: tl.constexpr, SOFTEST: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    point = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    held = point < points
    structure = tl.program_id(1).to(tl.int64)
    own = atoms_at + structure * atoms * 6
    used = tl.load(used_at + structure)
    coefficients, geometry = coefficients_at + structure * nx * ny * nz, geometry_at + structure * 9
    # Columns beyond the last one repeat it.
    last = tl.minimum(point, points - 1)
    ax, ay = tl.load(anchor_at + 2 * last), tl.load(anchor_at + 2 * last + 1)
    az = tl.load(height_at + heights - 1)
    x, y, z = ax + free_x, ay + free_y, az + free_z + ax * 0.0
    zero = ax * 0.0
    rx, ry, rz, mx, my, mz, reached = zero, zero, zero, zero, zero, zero, zero
    soft = SOFTEST * lateral
    for below in range(heights):
        level = heights - 1 - below
        drop = tl.load(height_at + level) - az
        az += drop
        jx, jy, jz = _clip(rx * drop + mx, ry * drop + my, rz * drop + mz, LONGEST_STEP)
        x, y, z = x + jx, y + jy, z + jz + drop
        from_x, from_y, from_z = x, y, z
        moving = point >= 0
        left = 1
        steps = 0
        while (left > 0) & (steps <= MOST_STEPS):
            fx, fy, fz, hxx, hxy, hxz, hyy, hyz, hzz = _pair_sums(x, y, z, own, used, DZ2)
            if GRID:
                ex, ey, ez, exx, exy, exz, eyy, eyz, ezz, _ = _grid_sums(x, y, z, coefficients, geometry, ny, nz)
                fx, fy, fz = fx + ex, fy + ey, fz + ez
                hxx, hxy, hxz = hxx + exx, hxy + exy, hxz + exz
                hyy, hyz, hzz = hyy + eyy, hyz + eyz, hzz + ezz
            dx, dy, dz = x - ax, y - ay, z - az
            s = tl.rsqrt(dx * dx + dy * dy + dz * dz)
            pull = radial * (1 - length * s)
            along = (radial - pull) * s * s
            gx = fx - lateral * (dx - tilt_x) - pull * dx
            gy = fy - lateral * (dy - tilt_y) - pull * dy
            gz = fz - pull * dz
            xx = hxx + lateral + pull + along * dx * dx
            yy = hyy + lateral + pull + along * dy * dy
            zz = hzz + pull + along * dz * dz
            xy, xz, yz = hxy + along * dx * dy, hxz + along * dx * dz, hyz + along * dy * dz
            lowest = _smallest_eigenvalue(xx, xy, xz, yy, yz, zz)
            shift = tl.maximum(soft - lowest, 0.0)
            xx, yy, zz = xx + shift, yy + shift, zz + shift
            ixx, ixy, ixz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
            iyy, iyz, izz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
            inverse = 1 / (xx * ixx + xy * ixy + xz * ixz)
            sx = (ixx * gx + ixy * gy + ixz * gz) * inverse
            sy = (ixy * gx + iyy * gy + iyz * gz) * inverse
            sz = (ixz * gx + iyz * gy + izz * gz) * inverse
            rx = tl.where(moving, -(ixx * hxz + ixy * hyz + ixz * hzz) * inverse, rx)
            ry = tl.where(moving, -(ixy * hxz + iyy * hyz + iyz * hzz) * inverse, ry)
            rz = tl.where(moving, -(ixz * hxz + iyz * hyz + izz * hzz) * inverse, rz)
            arrived = (sx * sx + sy * sy + sz * sz < TOLERANCE * TOLERANCE) & (lowest > 0)
            sx, sy, sz = _clip(sx, sy, sz, LONGEST_STEP)
            reached = tl.where(moving, fz - hxz * sx - hyz * sy - hzz * sz, reached)
            x, y, z = tl.where(moving, x + sx, x), tl.where(moving, y + sy, y), tl.where(moving, z + sz, z)
            moving = moving & (arrived == 0)
            left = tl.max(moving.to(tl.int32), axis=0)
            steps += 1
        mx, my, mz = mx + x - from_x, my + y - from_y, mz + z - from_z
        kept = mx * mx + my * my + mz * mz < LONGEST_MEMORY * LONGEST_MEMORY
        mx, my, mz = tl.where(kept, mx, 0.0), tl.where(kept, my, 0.0), tl.where(kept, mz, 0.0)
        arrived = (moving == 0) & (z < az)
        if GRID:
            ex, ey, ez, exx, exy, exz, eyy, eyz, ezz, inside = _grid_sums(x, y, z, coefficients, geometry, ny, nz)
            arrived = arrived & inside
        to = (structure * heights + level) * points + point
        tl.store(probe_at + 3 * to, x, mask=held)
        tl.store(probe_at + 3 * to + 1, y, mask=held)
        tl.store(probe_at + 3 * to + 2, z, mask=held)
        tl.store(force_at + to, reached, mask=held)
        tl.store(converged_at + to, arrived.to(tl.uint8), mask=held)
