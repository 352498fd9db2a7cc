"""The relaxation of relaxation.py compiled for the CPU by Numba: the same method, one column a thread at a time."""

import math

import numpy as np
from numba import njit, prange

from icescope.afm.frequency_shift import NEWTON_PER_METRE
from icescope.afm.relaxation import LONGEST_STEP, MOST_STEPS, SOFTEST, TOLERANCE, Tip

F32 = np.float32
_3, _6, _12, _48, _168 = F32(3), F32(6), F32(12), F32(48), F32(168)


def relax_compiled(
    anchor_xy: np.ndarray, tip_height: np.ndarray, sample: tuple[np.ndarray, ...], tip: Tip
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equilibrium of the probe: arguments and results of `relaxation.relax`, as NumPy arrays in float32."""
    position, c12, c6, kq = sample
    shape = (len(position), len(tip_height), len(anchor_xy))
    probe, force, converged = np.empty((*shape, 3), F32), np.empty(shape, F32), np.empty(shape, np.bool_)
    springs = np.array([tip.lateral_stiffness, tip.radial_stiffness]) / NEWTON_PER_METRE
    axes = np.ascontiguousarray(np.moveaxis(position, 2, 1))
    _relax(anchor_xy, tip_height, axes, c12, c6, kq, springs[0], springs[1], tip.length, probe, force, converged)
    return probe, force, converged


@njit(fastmath=True, error_model="numpy", cache=True)
def _pair_sums(x, y, z, atoms, c12, c6, kq):
    """Force and Hessian of the pair energy, as in `interaction.pair_force_and_hessian`, in single precision."""
    zero = F32(0)
    fx, fy, fz, gs, xx, xy, xz, yy, yz, zz = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
    for i in range(len(c12)):
        dx, dy, dz = x - atoms[0, i], y - atoms[1, i], z - atoms[2, i]
        u = F32(1) / (dx * dx + dy * dy + dz * dz)
        t = u * u * u
        repulsion, attraction, coulomb = c12[i] * t * t, c6[i] * t, kq[i] * math.sqrt(u)
        g = u * (_12 * repulsion - _6 * attraction + coulomb)
        h = u * u * (_168 * repulsion - _48 * attraction + _3 * coulomb)
        gs += g
        fx += g * dx
        fy += g * dy
        fz += g * dz
        xx += h * dx * dx
        xy += h * dx * dy
        xz += h * dx * dz
        yy += h * dy * dy
        yz += h * dy * dz
        zz += h * dz * dz
    return fx, fy, fz, xx - gs, xy, xz, yy - gs, yz, zz - gs


@njit(fastmath=True, error_model="numpy", cache=True)
def _smallest_eigenvalue(xx, xy, xz, yy, yz, zz):
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    p = max(math.sqrt((a * a + b * b + c * c + 2 * (xy * xy + xz * xz + yz * yz)) / 6), 1e-12)
    determinant = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    r = min(max(determinant / (2 * p**3), -1.0), 1.0)
    return mean + 2 * p * math.cos(math.acos(r) / 3 + 2 * math.pi / 3)


@njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def _relax(anchor_xy, tip_height, atoms, c12, c6, kq, lateral, radial, length, probe, force, converged):
    batch, heights, points = force.shape
    for job in prange(batch * points):
        b, p = job // points, job % points
        ax, ay, az = float(anchor_xy[p, 0]), float(anchor_xy[p, 1]), float(tip_height[heights - 1])
        x, y, z = ax, ay, az - length
        rx, ry, rz = 0.0, 0.0, 0.0
        for level in range(heights - 1, -1, -1):
            drop = tip_height[level] - az
            az += drop
            jump = abs(drop) * math.sqrt(rx * rx + ry * ry + rz * rz)
            scale = drop * (LONGEST_STEP / max(jump, LONGEST_STEP))
            x, y, z = x + rx * scale, y + ry * scale, z + rz * scale + drop
            done = False
            for _ in range(MOST_STEPS + 1):
                fx, fy, fz, hxx, hxy, hxz, hyy, hyz, hzz = _pair_sums(
                    F32(x), F32(y), F32(z), atoms[b], c12[b], c6[b], kq[b]
                )
                dx, dy, dz = x - ax, y - ay, z - az
                r = math.sqrt(dx * dx + dy * dy + dz * dz)
                nx, ny, nz = dx / r, dy / r, dz / r
                stretch = radial * (r - length)
                gx = fx - lateral * dx - stretch * nx
                gy = fy - lateral * dy - stretch * ny
                gz = fz - stretch * nz
                across = radial * (1 - length / r)
                along = radial - across
                xx = hxx + lateral + across + along * nx * nx
                yy = hyy + lateral + across + along * ny * ny
                zz = hzz + across + along * nz * nz
                xy, xz, yz = hxy + along * nx * ny, hxz + along * nx * nz, hyz + along * ny * nz
                shift = SOFTEST * lateral - _smallest_eigenvalue(xx, xy, xz, yy, yz, zz)
                if shift > 0:
                    xx, yy, zz = xx + shift, yy + shift, zz + shift
                ixx, ixy, ixz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
                iyy, iyz, izz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
                determinant = xx * ixx + xy * ixy + xz * ixz
                sx = (ixx * gx + ixy * gy + ixz * gz) / determinant
                sy = (ixy * gx + iyy * gy + iyz * gz) / determinant
                sz = (ixz * gx + iyz * gy + izz * gz) / determinant
                rx = -(ixx * hxz + ixy * hyz + ixz * hzz) / determinant
                ry = -(ixy * hxz + iyy * hyz + iyz * hzz) / determinant
                rz = -(ixz * hxz + iyz * hyz + izz * hzz) / determinant
                step = math.sqrt(sx * sx + sy * sy + sz * sz)
                scale = LONGEST_STEP / max(step, LONGEST_STEP)
                x, y, z = x + sx * scale, y + sy * scale, z + sz * scale
                if step < TOLERANCE:
                    done = True
                    break
            dx, dy, dz = x - ax, y - ay, z - az
            r = math.sqrt(dx * dx + dy * dy + dz * dz)
            probe[b, level, p, 0], probe[b, level, p, 1], probe[b, level, p, 2] = x, y, z
            force[b, level, p] = radial * (r - length) * dz / r
            converged[b, level, p] = done
