"""The relaxation of relaxation.py compiled for the CPU by Numba: the same method, column by column."""

import math

import numpy as np
from numba import njit, prange

from icescope.afm.relaxation import LONGEST_MEMORY, LONGEST_STEP, MOST_STEPS, SOFTEST, TOLERANCE
from icescope.afm.tip import Springs

F32 = np.float32
_3, _6, _7, _8, _14, _15, _30 = map(F32, (3, 6, 7, 8, 14, 15, 30))
LANES = 64  # atoms are padded to whole rounds of the vectorised loop
NO_GRID = (np.zeros((1, 0, 0, 0), F32), np.zeros((1, 3), F32), np.ones((1, 3), F32), np.zeros((1, 3), F32))


def relax_compiled(
    anchor_xy: np.ndarray, tip_height: np.ndarray, sample: tuple, springs: Springs
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equilibrium of the probe: arguments and results of `relaxation.relax`, as NumPy arrays in float32."""
    position, c12, c6, kq, dz2, grid = sample
    batch, atoms = c12.shape
    shape = (batch, len(tip_height), len(anchor_xy))
    padded = np.zeros((batch, 6, -(-atoms // LANES) * LANES), F32)
    padded[:, 2] = -1e3
    padded[:, :3, :atoms] = np.moveaxis(position, 2, 1)
    padded[:, 3:, :atoms] = np.stack([12 * c12, 6 * c6, kq], axis=1)
    probe, force, converged = np.empty((*shape, 3), F32), np.empty(shape, F32), np.empty(shape, np.bool_)
    _relax(
        anchor_xy, tip_height, padded, dz2, grid is not None, *(grid or NO_GRID), *springs.numbers(),
        springs.free_probe(), probe, force, converged,
    )  # fmt: skip
    return probe, force, converged


@njit(fastmath=True, error_model="numpy", cache=True)
def _monopole_sums(x, y, z, atoms):
    """Force and Hessian of the pair energy, as in `interaction.pair_force_and_hessian`."""
    px, py, pz, c12, c6, kq = atoms[0], atoms[1], atoms[2], atoms[3], atoms[4], atoms[5]
    fx = fy = fz = gs = xx = xy = xz = yy = yz = zz = F32(0)
    for i in range(len(kq)):
        dx, dy, dz = x - px[i], y - py[i], z - pz[i]
        s = F32(1) / math.sqrt(dx * dx + dy * dy + dz * dz)
        u = s * s
        t = u * u * u
        repulsion, attraction, coulomb = c12[i] * t * t, c6[i] * t, kq[i] * s
        g = u * (repulsion - attraction + coulomb)
        h = u * u * (_14 * repulsion - _8 * attraction + _3 * coulomb)
        hx, hy, hz = h * dx, h * dy, h * dz
        gs += g
        fx += g * dx
        fy += g * dy
        fz += g * dz
        xx += hx * dx
        xy += hx * dy
        xz += hx * dz
        yy += hy * dy
        yz += hy * dz
        zz += hz * dz
    return fx, fy, fz, xx - gs, xy, xz, yy - gs, yz, zz - gs


@njit(fastmath=True, error_model="numpy", cache=True)
def _dz2_sums(x, y, z, atoms):
    px, py, pz, c12, c6, kq = atoms[0], atoms[1], atoms[2], atoms[3], atoms[4], atoms[5]
    fx = fy = fz = gs = xx = xy = xz = yy = yz = zz = F32(0)
    for i in range(len(kq)):
        dx, dy, dz = x - px[i], y - py[i], z - pz[i]
        s = F32(1) / math.sqrt(dx * dx + dy * dy + dz * dz)
        u = s * s
        t = u * u * u
        repulsion, attraction, e = c12[i] * t * t, c6[i] * t, kq[i] * s * u * u
        w = _15 * u * dz * dz
        g = u * (repulsion - attraction) + e * (w - _3)
        h = u * (u * (_14 * repulsion - _8 * attraction) + e * (_7 * w - _15))
        v = -_30 * e * u * dz
        hx, hy, hz = h * dx, h * dy, h * dz
        gs += g
        fx += g * dx
        fy += g * dy
        fz += g * dz - _6 * e * dz
        xx += hx * dx
        xy += hx * dy
        xz += hx * dz + v * dx
        yy += hy * dy
        yz += hy * dz + v * dy
        zz += (hz + v + v) * dz + _6 * e
    return fx, fy, fz, xx - gs, xy, xz, yy - gs, yz, zz - gs


@njit(fastmath=True, error_model="numpy", cache=True)
def _basis(t, weights):
    """Cubic B-splines, their first and second derivatives by t: weights (3, 4)."""
    r = 1 - t
    weights[0, 0], weights[0, 3] = r * r * r / 6, t * t * t / 6
    weights[0, 1], weights[0, 2] = (4 - 3 * t * t * (1 + r)) / 6, (4 - 3 * r * r * (1 + t)) / 6
    weights[1, 0], weights[1, 1] = -r * r / 2, t * (3 * t - 4) / 2
    weights[1, 2], weights[1, 3] = -r * (3 * r - 4) / 2, t * t / 2
    weights[2, 0], weights[2, 1], weights[2, 2], weights[2, 3] = r, 3 * t - 2, 1 - 3 * t, t


@njit(fastmath=True, error_model="numpy", cache=True)
def _grid_sums(at, coefficients, origin, step, intervals, first, weights, e):
    """Derivatives e (3, 3, 3) of the grid's energy by x, y, z, as in `energy_grid.grid_force_and_hessian`."""
    for axis in range(3):
        place = (at[axis] - origin[axis]) / step[axis]
        first[axis] = min(max(math.floor(place), 0.0), intervals[axis] - 1.0)
        _basis(place - first[axis], weights[axis])
        for node in range(4):
            weights[axis, 1, node] /= step[axis]
            weights[axis, 2, node] /= step[axis] * step[axis]
    e[:] = 0
    for i in range(4):
        for j in range(4):
            row = coefficients[first[0] + i, first[1] + j]
            for c in range(3):
                along = 0.0
                for k in range(4):
                    along += row[first[2] + k] * weights[2, c, k]
                for b in range(3 - c):
                    for a in range(3 - c - b):
                        e[a, b, c] += along * weights[1, b, j] * weights[0, a, i]


@njit(fastmath=True, error_model="numpy", cache=True)
def _inside(at, origin, step, intervals):
    for axis in range(3):
        place = (at[axis] - origin[axis]) / step[axis]
        if place < 0 or place > intervals[axis]:
            return False
    return True


@njit(fastmath=True, error_model="numpy", cache=True)
def _smallest_eigenvalue(xx, xy, xz, yy, yz, zz):
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    p = max(math.sqrt((a * a + b * b + c * c + 2 * (xy * xy + xz * xz + yz * yz)) / 6), 1e-12)
    determinant = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    r = min(max(determinant / (2 * p**3), -1.0), 1.0)
    return mean + 2 * p * math.cos(math.acos(r) / 3 + 2 * math.pi / 3)


@njit(fastmath=True, error_model="numpy", cache=True)
def _above(low, xx, xy, xz, yy, yz, zz):
    """Whether every eigenvalue is above low: by Sylvester's minors, much cheaper than the eigenvalues."""
    a, b, c = xx - low, yy - low, zz - low
    return a > 0 and a * b > xy * xy and c * (a * b - xy * xy) - a * yz * yz - b * xz * xz + 2 * xy * xz * yz > 0


@njit(fastmath=True, error_model="numpy", cache=True)
def _clipped(x, y, z):
    scale = LONGEST_STEP / max(math.sqrt(x * x + y * y + z * z), LONGEST_STEP)
    return x * scale, y * scale, z * scale


@njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def _relax(
    anchor_xy, tip_height, atoms, dz2, with_grid, coefficients, origin, step, intervals, lateral, radial, length,
    tilt_x, tilt_y, free, probe, force, converged,
):  # fmt: skip
    batch, heights, points = force.shape
    soft = SOFTEST * lateral
    for job in prange(batch * points):
        b, p = job // points, job % points
        own = atoms[b]
        at, first, weights, e = np.empty(3), np.empty(3, np.int64), np.empty((3, 3, 4)), np.empty((3, 3, 3))
        ax, ay, az = float(anchor_xy[p, 0]), float(anchor_xy[p, 1]), float(tip_height[heights - 1])
        x, y, z = ax + free[0], ay + free[1], az + free[2]
        rx = ry = rz = mx = my = mz = 0.0
        for level in range(heights - 1, -1, -1):
            drop = tip_height[level] - az
            az += drop
            jx, jy, jz = _clipped(rx * drop + mx, ry * drop + my, rz * drop + mz)
            x, y, z = x + jx, y + jy, z + jz + drop
            from_x, from_y, from_z = x, y, z
            done = False
            for _ in range(MOST_STEPS + 1):
                if dz2:
                    fx, fy, fz, hxx, hxy, hxz, hyy, hyz, hzz = _dz2_sums(F32(x), F32(y), F32(z), own)
                else:
                    fx, fy, fz, hxx, hxy, hxz, hyy, hyz, hzz = _monopole_sums(F32(x), F32(y), F32(z), own)
                if with_grid:
                    at[0], at[1], at[2] = x, y, z
                    _grid_sums(at, coefficients[b], origin[b], step[b], intervals[b], first, weights, e)
                    fx, fy, fz = fx - e[1, 0, 0], fy - e[0, 1, 0], fz - e[0, 0, 1]
                    hxx, hxy, hxz = hxx + e[2, 0, 0], hxy + e[1, 1, 0], hxz + e[1, 0, 1]
                    hyy, hyz, hzz = hyy + e[0, 2, 0], hyz + e[0, 1, 1], hzz + e[0, 0, 2]
                dx, dy, dz = x - ax, y - ay, z - az
                u = 1 / (dx * dx + dy * dy + dz * dz)
                pull = radial * (1 - length * math.sqrt(u))
                along = (radial - pull) * u
                gx = fx - lateral * (dx - tilt_x) - pull * dx
                gy = fy - lateral * (dy - tilt_y) - pull * dy
                gz = fz - pull * dz
                xx = hxx + lateral + pull + along * dx * dx
                yy = hyy + lateral + pull + along * dy * dy
                zz = hzz + pull + along * dz * dz
                xy, xz, yz = hxy + along * dx * dy, hxz + along * dx * dz, hyz + along * dy * dz
                stable = True
                if not _above(soft, xx, xy, xz, yy, yz, zz):
                    lowest = _smallest_eigenvalue(xx, xy, xz, yy, yz, zz)
                    stable = lowest > 0
                    shift = max(soft - lowest, 0.0)
                    xx, yy, zz = xx + shift, yy + shift, zz + shift
                ixx, ixy, ixz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
                iyy, iyz, izz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
                inverse = 1 / (xx * ixx + xy * ixy + xz * ixz)
                sx = (ixx * gx + ixy * gy + ixz * gz) * inverse
                sy = (ixy * gx + iyy * gy + iyz * gz) * inverse
                sz = (ixz * gx + iyz * gy + izz * gz) * inverse
                rx = -(ixx * hxz + ixy * hyz + ixz * hzz) * inverse
                ry = -(ixy * hxz + iyy * hyz + iyz * hzz) * inverse
                rz = -(ixz * hxz + iyz * hyz + izz * hzz) * inverse
                done = stable and sx * sx + sy * sy + sz * sz < TOLERANCE * TOLERANCE
                sx, sy, sz = _clipped(sx, sy, sz)
                x, y, z = x + sx, y + sy, z + sz
                if done:
                    break
            mx, my, mz = mx + x - from_x, my + y - from_y, mz + z - from_z
            if mx * mx + my * my + mz * mz >= LONGEST_MEMORY * LONGEST_MEMORY:
                mx = my = mz = 0.0
            if with_grid:
                at[0], at[1], at[2] = x, y, z
                done = done and _inside(at, origin[b], step[b], intervals[b])
            dx, dy, dz = x - ax, y - ay, z - az
            r = math.sqrt(dx * dx + dy * dy + dz * dz)
            probe[b, level, p, 0], probe[b, level, p, 1], probe[b, level, p, 2] = x, y, z
            force[b, level, p] = radial * (r - length) * dz / r
            converged[b, level, p] = done
