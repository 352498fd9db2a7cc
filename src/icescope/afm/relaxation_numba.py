"""The relaxation of relaxation.py compiled for the CPU by Numba: the same method, column by column."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from icescope.afm.relaxation import LONGEST_MEMORY, LONGEST_STEP, MOST_STEPS, SOFTEST, TOLERANCE
from icescope.afm.tip import Springs

F32 = np.float32
_3, _6, _7, _8, _14, _15, _30 = map(F32, (3, 6, 7, 8, 14, 15, 30))
LANES = 16  # atoms are padded to whole rounds of the vectorised loop
BLOCK = 8  # neighbouring columns of a job
PIECES = 16  # of the jobs for each thread, so that no thread waits long for another
NO_GRID = (np.zeros((1, 0, 0, 0), F32), np.zeros((1, 3), F32), np.ones((1, 3), F32), np.zeros((1, 3), F32))


def relax_compiled(
    anchor_xy: np.ndarray,
    tip_height: np.ndarray,
    sample: tuple,
    springs: Springs,
    threads: int = 1,
    keep_probe: bool = True,
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Equilibrium of the probe: arguments and results of `relaxation.relax`, as NumPy arrays in float32.

    Without `keep_probe` the probe's positions, most of the memory, are left out. The threads are Python's: those of
    Numba's OpenMP would change PyTorch's and forbid a later fork.
    """
    position, c12, c6, kq, dz2, grid = sample
    batch, atoms = c12.shape
    shape = (batch, len(tip_height), len(anchor_xy))
    padded = np.zeros((batch, 6, -(-atoms // LANES) * LANES), F32)
    padded[:, 2] = -1e3
    padded[:, :3, :atoms] = np.moveaxis(position, 2, 1)
    padded[:, 3:, :atoms] = np.stack([12 * c12, 6 * c6, kq], axis=1)
    # A structure's own atoms come first, and each of them repels.
    used = -(-np.count_nonzero(c12, axis=1) // LANES) * LANES
    probe = np.empty((*(shape if keep_probe else (0, 0, 0)), 3), F32)
    force, converged = np.empty(shape, F32), np.empty(shape, np.bool_)
    given = (
        anchor_xy, tip_height, padded, used, dz2, grid is not None, *(grid or NO_GRID), *springs.numbers(),
        springs.free_probe(), probe, force, converged,
    )  # fmt: skip
    jobs = batch * -(-len(anchor_xy) // BLOCK)
    if threads == 1:
        _relax(0, jobs, *given)
    else:
        ends = np.linspace(0, jobs, PIECES * threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda first, last: _relax(first, last, *given), ends[:-1], ends[1:]))
    return probe if keep_probe else None, force, converged


@njit(fastmath=True, error_model="numpy", cache=True)
def _monopole_sums(x, y, z, atoms, count):
    """Force and Hessian of the pair energy, as in `interaction.pair_force_and_hessian`."""
    px, py, pz, c12, c6, kq = atoms[0], atoms[1], atoms[2], atoms[3], atoms[4], atoms[5]
    fx = fy = fz = gs = xx = xy = xz = yy = yz = zz = F32(0)
    for i in range(count):
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
def _dz2_sums(x, y, z, atoms, count):
    px, py, pz, c12, c6, kq = atoms[0], atoms[1], atoms[2], atoms[3], atoms[4], atoms[5]
    fx = fy = fz = gs = xx = xy = xz = yy = yz = zz = F32(0)
    for i in range(count):
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
    square = x * x + y * y + z * z
    if square <= LONGEST_STEP * LONGEST_STEP:
        return x, y, z
    scale = LONGEST_STEP / math.sqrt(square)
    return x * scale, y * scale, z * scale


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def _relax(
    first_job, last_job, anchor_xy, tip_height, atoms, used, dz2, with_grid, coefficients, origin, step, intervals,
    lateral, radial, length, tilt_x, tilt_y, free, probe, force, converged,
):  # fmt: skip
    _, heights, points = force.shape
    blocks = -(-points // BLOCK)
    soft = SOFTEST * lateral
    for job in range(first_job, last_job):
        b, start = job // blocks, job % blocks * BLOCK
        columns = min(BLOCK, points - start)
        own, count = atoms[b], used[b]
        first, weights, e = np.empty(3, np.int64), np.empty((3, 3, 4)), np.empty((3, 3, 3))
        position, guess, memory = np.empty((BLOCK, 3)), np.empty((BLOCK, 3)), np.zeros((BLOCK, 3))
        response, sums = np.zeros((BLOCK, 3)), np.empty((BLOCK, 9))
        reached, done = np.empty(BLOCK), np.empty(BLOCK, np.bool_)
        az = float(tip_height[heights - 1])
        for c in range(columns):
            position[c, 0] = anchor_xy[start + c, 0] + free[0]
            position[c, 1] = anchor_xy[start + c, 1] + free[1]
            position[c, 2] = az + free[2]
        for level in range(heights - 1, -1, -1):
            drop = tip_height[level] - az
            az += drop
            for c in range(columns):
                jx, jy, jz = _clipped(
                    response[c, 0] * drop + memory[c, 0],
                    response[c, 1] * drop + memory[c, 1],
                    response[c, 2] * drop + memory[c, 2],
                )
                position[c, 0] += jx
                position[c, 1] += jy
                position[c, 2] += jz + drop
                guess[c, 0], guess[c, 1], guess[c, 2] = position[c, 0], position[c, 1], position[c, 2]
                done[c] = False
            for _ in range(MOST_STEPS + 1):
                # All sums first: the steps of several columns then fill the waits of one another's arithmetic.
                for c in range(columns):
                    if done[c]:
                        continue
                    x, y, z = F32(position[c, 0]), F32(position[c, 1]), F32(position[c, 2])
                    if dz2:
                        fx, fy, fz, xx, xy, xz, yy, yz, zz = _dz2_sums(x, y, z, own, count)
                    else:
                        fx, fy, fz, xx, xy, xz, yy, yz, zz = _monopole_sums(x, y, z, own, count)
                    sums[c, 0], sums[c, 1], sums[c, 2] = fx, fy, fz
                    sums[c, 3], sums[c, 4], sums[c, 5], sums[c, 6], sums[c, 7], sums[c, 8] = xx, xy, xz, yy, yz, zz
                    if with_grid:
                        _grid_sums(position[c], coefficients[b], origin[b], step[b], intervals[b], first, weights, e)
                        sums[c, 0] -= e[1, 0, 0]
                        sums[c, 1] -= e[0, 1, 0]
                        sums[c, 2] -= e[0, 0, 1]
                        sums[c, 3] += e[2, 0, 0]
                        sums[c, 4] += e[1, 1, 0]
                        sums[c, 5] += e[1, 0, 1]
                        sums[c, 6] += e[0, 2, 0]
                        sums[c, 7] += e[0, 1, 1]
                        sums[c, 8] += e[0, 0, 2]
                all_done = True
                for c in range(columns):
                    if done[c]:
                        continue
                    dx = position[c, 0] - anchor_xy[start + c, 0]
                    dy = position[c, 1] - anchor_xy[start + c, 1]
                    dz = position[c, 2] - az
                    hxz, hyz, hzz = sums[c, 5], sums[c, 7], sums[c, 8]
                    u = 1 / (dx * dx + dy * dy + dz * dz)
                    pull = radial * (1 - length * math.sqrt(u))
                    along = (radial - pull) * u
                    gx = sums[c, 0] - lateral * (dx - tilt_x) - pull * dx
                    gy = sums[c, 1] - lateral * (dy - tilt_y) - pull * dy
                    gz = sums[c, 2] - pull * dz
                    xx = sums[c, 3] + lateral + pull + along * dx * dx
                    yy = sums[c, 6] + lateral + pull + along * dy * dy
                    zz = hzz + pull + along * dz * dz
                    xy, xz, yz = sums[c, 4] + along * dx * dy, hxz + along * dx * dz, hyz + along * dy * dz
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
                    response[c, 0] = -(ixx * hxz + ixy * hyz + ixz * hzz) * inverse
                    response[c, 1] = -(ixy * hxz + iyy * hyz + iyz * hzz) * inverse
                    response[c, 2] = -(ixz * hxz + iyz * hyz + izz * hzz) * inverse
                    done[c] = stable and sx * sx + sy * sy + sz * sz < TOLERANCE * TOLERANCE
                    all_done = all_done and done[c]
                    sx, sy, sz = _clipped(sx, sy, sz)
                    reached[c] = sums[c, 2] - hxz * sx - hyz * sy - hzz * sz
                    position[c, 0] += sx
                    position[c, 1] += sy
                    position[c, 2] += sz
                if all_done:
                    break
            for c in range(columns):
                p = start + c
                square = 0.0
                for axis in range(3):
                    memory[c, axis] += position[c, axis] - guess[c, axis]
                    square += memory[c, axis] ** 2
                if square >= LONGEST_MEMORY * LONGEST_MEMORY:
                    memory[c, 0] = memory[c, 1] = memory[c, 2] = 0.0
                if with_grid:
                    done[c] = done[c] and _inside(position[c], origin[b], step[b], intervals[b])
                if len(probe):
                    probe[b, level, p, 0] = position[c, 0]
                    probe[b, level, p, 1] = position[c, 1]
                    probe[b, level, p, 2] = position[c, 2]
                force[b, level, p] = reached[c]
                converged[b, level, p] = done[c] and position[c, 2] < az
