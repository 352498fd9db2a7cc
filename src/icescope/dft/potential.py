"""Electrostatic potential of an isolated cluster: exactly, or fast by a fitted density and its residual."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from ase import Atoms
from scipy.interpolate import BSpline, NdBSpline, make_interp_spline
from scipy.spatial import KDTree

from icescope.dft.density import HARTREE, Density, electron_density
from icescope.dft.fitted import FittedDensity, fit_density, fitted_potential
from icescope.errors import InputError

BOHR = 0.529177210903  # A (CODATA 2018)
BLOCK = 104  # points whose integrals stay in a core's cache
MANY = 20_000  # points from which on the fast route is the default, a few seconds of integrals
DEGREE = 3  # of the residual's splines; higher ones ring farther around the atoms
SPACING = 0.5  # A, of the residual's nodes beside and above the atoms; beyond, they are ever farther apart
BESIDE = 2.0  # A, around the atoms' extent along each axis that has that spacing; above them twice as much
STRETCH = 1.3
NEAR = 2.0  # A; points this near to a nucleus are computed exactly, as the residual is not smooth there
FEWEST = 5  # points along each axis of a grid, for the splines through it
INNER = 1.0  # A; nearer to a nucleus the residual is set to zero
TOUCHING = 1e-6  # A, from a nucleus, where the potential has no value
SAMPLED = 100  # points at which each fast potential is checked against the exact one
CHECK_SEED = 1


def electrostatic_potential(
    atoms: Atoms,
    points: np.ndarray,
    charge: int = 0,
    spin: int = 0,
    xc: str = "PBE",
    basis: str = "def2-SVPD",
    exact: bool | None = None,
) -> np.ndarray:
    """Electrostatic potential of an isolated cluster at any points.

    Parameters
    ----------
    points
        (n, 3), A.
    charge, spin, xc, basis
        See `density.electron_density`.
    exact
        Whether to compute every point by its integrals; else by the fast route, see `FastPotential`. When not given,
        up to 20,000 points are exact.

    Returns
    -------
    (n,), V: positive where a positive charge is repelled.

    Raises
    ------
    InputError
        See `density.electron_density`; or the points are not n x 3 finite numbers, or one is at a nucleus.
    """
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"the points must be an array (n, 3) of finite numbers in A, not one of shape {points.shape}.")
    _check_nuclei(atoms, points)
    density = electron_density(atoms, charge, spin, xc, basis)
    if len(points) <= MANY if exact is None else exact or not len(points):
        return exact_potential(density, points)
    return FastPotential.around(density, points.min(0), points.max(0))(points)


def potential_grid(
    atoms: Atoms,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    charge: int = 0,
    spin: int = 0,
    xc: str = "PBE",
    basis: str = "def2-SVPD",
    exact: bool = False,
) -> xr.Dataset:
    """Electrostatic potential and field of an isolated cluster on a grid, as `icescope.afm.simulate` takes it.

    Parameters
    ----------
    x, y, z
        Ascending coordinates, A.
    charge, spin, xc, basis
        See `density.electron_density`.
    exact
        Compute every point by its integrals, the reference: a hundred times slower than `FastPotential`.

    Returns
    -------
    Dataset with `potential` (x, y, z), V, and `field` (x, y, z, xyz), V/A, from the spline through the potential.
    Attributes: those of the density (`density.Density.attributes`); `seconds` of the processor; `route`, and for the
    fast one `error_rms_meV`, `error_max_meV` of a charge e at SAMPLED points drawn from the grid.

    Raises
    ------
    InputError
        See `density.electron_density`; or the coordinates do not ascend, are fewer than 5 along an axis, or one point
        is at a nucleus.
    """
    axes = [np.asarray(axis, float) for axis in (x, y, z)]
    for name, axis in zip("xyz", axes, strict=True):
        if axis.ndim != 1 or len(axis) < FEWEST or not (np.diff(axis) > 0).all() or not np.isfinite(axis).all():
            raise InputError(f"the grid's {name} must be {FEWEST} or more ascending numbers in A.")
    _check_nuclei(atoms, _points(axes))
    start = time.process_time()
    density = electron_density(atoms, charge, spin, xc, basis)
    attributes = density.attributes() | {"route": "exact" if exact else "fast"}
    if exact:
        values = exact_potential(density, _points(axes)).reshape([len(axis) for axis in axes])
    else:
        values, error = fast_potential(density, axes)
        attributes |= {"error_rms_meV": 1e3 * np.sqrt((error**2).mean()), "error_max_meV": 1e3 * np.abs(error).max()}
    attributes["seconds"] = round(time.process_time() - start, 2)
    field = np.stack(
        [-make_interp_spline(axis, values, axis=n).derivative()(axis) for n, axis in enumerate(axes)], axis=-1
    )
    coordinates = {name: (name, axis, {"units": "A"}) for name, axis in zip("xyz", axes, strict=True)}
    return xr.Dataset(
        {
            "potential": (("x", "y", "z"), values, {"units": "V"}),
            "field": (("x", "y", "z", "xyz"), field, {"units": "V/A"}),
        },
        coordinates,
        attributes,
    )


def grid_above(
    atoms: Atoms, step: float = 0.25, heights: tuple[float, float] = (0.5, 8.0), beside: float = 5.0
) -> list[np.ndarray]:
    """Axes x, y, z, A, of a grid that covers where the probe goes in a scan of a cluster.

    Parameters
    ----------
    step
        Between the points, at most, A. With 0.25 A the simulator's splines err by less than 0.001 Hz.
    heights
        Lowest and highest above the highest atom, A.
    beside
        Around the atoms, A: 3 A that `icescope simulate` scans, and the probe's way sideways.

    Raises
    ------
    InputError
        The step is not positive, or the heights do not ascend.
    """
    if not step > 0 or not heights[1] > heights[0] or not beside >= 0:
        raise InputError(
            f"a grid needs a positive step and ascending heights, not {step:g} A from {heights[0]:g} to "
            f"{heights[1]:g} A, {beside:g} A beside the atoms."
        )
    low, high = atoms.positions.min(0) - beside, atoms.positions.max(0) + beside
    low[2], high[2] = atoms.positions[:, 2].max() + np.array(heights)
    counts = np.maximum(np.ceil((high - low) / step - 1e-6).astype(int) + 1, FEWEST)
    return [np.linspace(*ends) for ends in zip(low, high, counts, strict=True)]


def exact_potential(density: Density, points: np.ndarray) -> np.ndarray:
    """Potential at points (n, 3), A, by the integrals of the density over 1/r: (n,), V."""
    molecule, at = density.molecule, np.asarray(points, float) / BOHR
    potential = np.empty(len(at))
    flat = density.matrix.ravel()
    for start in range(0, len(at), BLOCK):
        block = at[start : start + BLOCK]
        nuclei = molecule.atom_charges() / np.linalg.norm(block[:, None] - molecule.atom_coords(), axis=-1)
        integrals = molecule.intor("int1e_grids", hermi=1, grids=block).reshape(len(block), -1)
        potential[start : start + BLOCK] = nuclei.sum(1) - integrals @ flat
    return potential * HARTREE


def fast_potential(density: Density, axes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Potential on a grid (x, y, z), V, and its error, V, at points drawn from the grid."""
    potential = FastPotential.around(density, *np.array([[axis[0], axis[-1]] for axis in axes]).T)
    values = potential.on_grid(axes)
    points = _points(axes)
    far = np.flatnonzero(KDTree(potential.nuclei).query(points)[0] >= NEAR)
    sampled = np.random.default_rng(CHECK_SEED).permutation(far)[:SAMPLED]
    return values, values.ravel()[sampled] - exact_potential(density, points[sampled])


@dataclass(frozen=True)
class FastPotential:
    """Potential of the fitted density in closed form, plus what it lacks: the exact residual on a coarse grid.

    The residual is interpolated by cubic splines. Points within NEAR of a nucleus are computed exactly.
    """

    density: Density
    fit: FittedDensity
    residual: NdBSpline  # V

    @classmethod
    def around(cls, density: Density, low: np.ndarray, high: np.ndarray) -> "FastPotential":
        """For points between two corners (3,), A."""
        fit, nuclei = fit_density(density), density.molecule.atom_coords() * BOHR
        nodes = [_nodes(low[n], high[n], nuclei[:, n], above=n == 2) for n in range(3)]
        points = _points(nodes)
        far = KDTree(nuclei).query(points)[0] > INNER
        residual = np.zeros(len(points))
        residual[far] = exact_potential(density, points[far]) - fitted_potential(fit, points[far] / BOHR) * HARTREE
        coefficients, knots = residual.reshape([len(one) for one in nodes]), []
        for n, one in enumerate(nodes):
            spline = make_interp_spline(one, coefficients, DEGREE, axis=n)
            coefficients = np.moveaxis(spline.c, 0, n)
            knots.append(spline.t)
        return cls(density, fit, NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), DEGREE))

    @property
    def nuclei(self) -> np.ndarray:
        """(a, 3), A."""
        return self.density.molecule.atom_coords() * BOHR

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """At points (n, 3), A: (n,), V."""
        return self._whole(points, self.residual(points))

    def on_grid(self, axes: list[np.ndarray]) -> np.ndarray:
        """At all points of ascending coordinates x, y, z, A: (x, y, z), V."""
        residual = self.residual.c
        for n, (axis, knots) in enumerate(zip(axes, self.residual.t, strict=True)):
            residual = np.moveaxis(BSpline(knots, np.moveaxis(residual, n, 0), DEGREE)(axis), 0, n)
        return self._whole(_points(axes), residual.ravel()).reshape(residual.shape)

    def _whole(self, points: np.ndarray, residual: np.ndarray) -> np.ndarray:
        values = fitted_potential(self.fit, points / BOHR) * HARTREE + residual
        near = KDTree(self.nuclei).query(points)[0] < NEAR
        values[near] = exact_potential(self.density, points[near])
        return values


def _points(axes: list[np.ndarray]) -> np.ndarray:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _check_nuclei(atoms: Atoms, points: np.ndarray) -> None:
    if len(points) and np.isfinite(atoms.positions).all():  # of the atoms' other faults `electron_density` tells
        for index, distance in enumerate(KDTree(points).query(atoms.positions)[0]):
            if distance < TOUCHING:
                raise InputError(
                    f"a point is at the nucleus of atom {index} ({atoms.symbols[index]}), where the potential has no "
                    "value; move the point."
                )


def _nodes(start: float, end: float, nuclei: np.ndarray, above: bool) -> np.ndarray:
    """Nodes of the residual between two coordinates: even beside the atoms, then ever farther apart."""
    if end - start < 3 * SPACING:  # a plane, too, needs nodes on both its sides
        start, end = (start + end) / 2 - 1.5 * SPACING, (start + end) / 2 + 1.5 * SPACING
    low = max(start, nuclei.min() - BESIDE)
    high = min(end, nuclei.max() + (2 if above else 1) * BESIDE)
    if low >= high:  # all of it is beside the atoms
        low = high = start if nuclei.mean() < start else end
    middle = np.linspace(low, high, max(int(np.ceil((high - low) / SPACING)), 0) + 1)
    outwards = np.cumsum(SPACING * STRETCH ** np.arange(1, 60))
    upper = _stretched(high, end, outwards)
    lower = 2 * low - _stretched(low, 2 * low - start, outwards)
    nodes = np.concatenate([lower[::-1], middle, upper])
    return nodes if len(nodes) > DEGREE else np.linspace(start, end, DEGREE + 1)


def _stretched(start: float, end: float, outwards: np.ndarray) -> np.ndarray:
    """Nodes beyond `start` up to `end`, the last one exactly there."""
    if end - start < 1e-9:
        return np.empty(0)
    count = min(int(np.searchsorted(outwards, end - start)) + 1, len(outwards))
    return start + outwards[:count] * (end - start) / outwards[count - 1]
