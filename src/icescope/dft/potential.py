"""Electrostatic potential of an isolated cluster: exactly, or fast by a fitted density."""

import logging
import math
import time
from collections.abc import Sequence

import numpy as np
import xarray as xr
from ase import Atoms
from scipy.integrate import lebedev_rule
from scipy.interpolate import make_interp_spline
from scipy.spatial import KDTree

from icescope.dft.density import HARTREE, Density, electron_density
from icescope.dft.fitted import fit_density, fitted_potential
from icescope.errors import InputError
from icescope.progress import track

log = logging.getLogger(__name__)

BOHR = 0.529177210903  # A (CODATA 2018)
BLOCK = 104  # points whose integrals stay in a core's cache
MANY = 20_000  # points from which on the fast route is the default, a few seconds of integrals
# A, radii about the atoms of the points that the fit has to meet; d_z2 tips need them this close.
SHELLS = (1.9, 2.02, 2.15, 2.3, 2.5, 2.7, 3.0, 3.4, 4.0, 5.0)
ORDER = 21  # of Lebedev's quadrature: 170 points on a shell
NEAR = 2.0  # A; points this near to a nucleus are computed exactly
MOST_POINTS = 2e7  # of a grid, some GB
FEWEST = 5  # points along each axis of a grid, for the splines through it
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
        Whether to compute every point by its integrals; else by `fast_potential`. When not given,
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
    return fast_potential(density, points)


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
        Compute every point by its integrals, the reference: a hundred times slower than `fast_potential`.

    Returns
    -------
    Dataset with `potential` (x, y, z), V, and `field` (x, y, z, xyz), V/A, from the spline through the potential.
    Attributes: those of the density (`density.Density.attributes`); `seconds` of the processor; `route`, and for the
    fast one `error_rms_meV`, `error_max_meV` of a charge e at SAMPLED points drawn from those of the grid that are not
    exact, 0 where all are.

    Raises
    ------
    InputError
        See `density.electron_density`; or the coordinates do not ascend, are fewer than 5 along an axis or too many in
        all, or one point is at a nucleus.
    """
    axes = [np.asarray(axis, float) for axis in (x, y, z)]
    for name, axis in zip("xyz", axes, strict=True):
        if axis.ndim != 1 or len(axis) < FEWEST or not (np.diff(axis) > 0).all() or not np.isfinite(axis).all():
            raise InputError(f"the grid's {name} must be {FEWEST} or more ascending numbers in A.")
    _check_count([len(axis) for axis in axes])
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    _check_nuclei(atoms, points)
    start = time.process_time()
    density = electron_density(atoms, charge, spin, xc, basis)
    attributes = density.attributes() | {"route": "exact" if exact else "fast"}
    values = (exact_potential if exact else fast_potential)(density, points)
    if not exact:
        far = np.flatnonzero(KDTree(atoms.positions).query(points)[0] >= NEAR)
        sampled = np.random.default_rng(CHECK_SEED).permutation(far)[:SAMPLED]
        error = 1e3 * (values[sampled] - exact_potential(density, points[sampled]))
        if not len(error):  # every point is near, thus exact
            error = np.zeros(1)
        attributes |= {"error_rms_meV": np.sqrt((error**2).mean()), "error_max_meV": np.abs(error).max()}
    values = values.reshape([len(axis) for axis in axes])
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
    atoms: Atoms, step: float = 0.2, heights: tuple[float, float] = (0.5, 8.0), beside: float = 5.0
) -> list[np.ndarray]:
    """Axes x, y, z, A, of a grid that covers where the probe goes in a scan of a cluster.

    Parameters
    ----------
    step
        Between the points, at most, A. With 0.25 A, and a probe as near as 2 A, images err by 0.001 Hz for a monopole
        and 0.003 Hz for a d_z2 tip (99th percentiles); with 0.2 A by a third of that.
    heights
        Lowest and highest above the highest atom, A.
    beside
        Around the atoms, A: 3 A that `icescope simulate` scans, and the probe's way sideways.

    Raises
    ------
    InputError
        The step is not positive, the heights do not ascend, or the points are too many.
    """
    if not step > 0 or not heights[1] > heights[0] or not beside >= 0:
        raise InputError(
            f"a grid needs a positive step and ascending heights, not {step:g} A from {heights[0]:g} to "
            f"{heights[1]:g} A, {beside:g} A beside the atoms."
        )
    low, high = atoms.positions.min(0) - beside, atoms.positions.max(0) + beside
    low[2], high[2] = atoms.positions[:, 2].max() + np.array(heights)
    counts = np.fmax(np.ceil((high - low) / step - 1e-6) + 1, FEWEST)
    _check_count(counts)
    return [np.linspace(*ends) for ends in zip(low, high, counts.astype(int), strict=True)]


def exact_potential(density: Density, points: np.ndarray) -> np.ndarray:
    """Potential at points (n, 3), A, by the integrals of the density over 1/r: (n,), V."""
    molecule, at = density.molecule, np.asarray(points, float) / BOHR
    potential = np.empty(len(at))
    flat = density.matrix.ravel()
    starts = range(0, len(at), BLOCK)
    for start in track(starts, "integrals of the density", len(starts)):
        block = at[start : start + BLOCK]
        nuclei = molecule.atom_charges() / np.linalg.norm(block[:, None] - molecule.atom_coords(), axis=-1)
        integrals = molecule.intor("int1e_grids", hermi=1, grids=block).reshape(len(block), -1)
        potential[start : start + BLOCK] = nuclei.sum(1) - integrals @ flat
    return potential * HARTREE


def fast_potential(density: Density, points: np.ndarray) -> np.ndarray:
    """Potential at points (n, 3), A: (n,), V, of the density fitted so that it is exact at points around the atoms.

    Points within NEAR of a nucleus, where the fit does not hold, are computed by their integrals.
    """
    nuclei = density.molecule.atom_coords() * BOHR
    around = _around(nuclei)
    log.info("fit of the density to its potential at %d points around the atoms", len(around))
    fit = fit_density(density, around / BOHR, exact_potential(density, around) / HARTREE)
    values = fitted_potential(fit, points / BOHR) * HARTREE
    near = KDTree(nuclei).query(points)[0] < NEAR
    values[near] = exact_potential(density, points[near])
    return values


def _around(nuclei: np.ndarray) -> np.ndarray:
    """Points (n, 3), A, evenly on shells about each nucleus, without those that are deeper inside another's shell."""
    sphere = lebedev_rule(ORDER)[0].T
    shells = [(nuclei[:, None] + radius * sphere).reshape(-1, 3) for radius in SHELLS]
    apart = [KDTree(nuclei).query(shell)[0] > radius - TOUCHING for shell, radius in zip(shells, SHELLS, strict=True)]
    return np.concatenate([shell[outside] for shell, outside in zip(shells, apart, strict=True)])


def _check_count(counts: Sequence[float]) -> None:
    if math.prod(map(float, counts)) > MOST_POINTS:
        raise InputError(
            f"{' x '.join(f'{count:g}' for count in counts)} points are too many at a time; raise the step or narrow "
            "the heights."
        )


def _check_nuclei(atoms: Atoms, points: np.ndarray) -> None:
    if len(points) and np.isfinite(atoms.positions).all():  # of the atoms' other faults `electron_density` tells
        for index, distance in enumerate(KDTree(points).query(atoms.positions)[0]):
            if distance < TOUCHING:
                raise InputError(
                    f"a point is at the nucleus of atom {index} ({atoms.symbols[index]}), where the potential has no "
                    "value; move the point."
                )
