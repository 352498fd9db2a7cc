"""From structures to what the probe feels: checks, periodic images, coefficients, and energies on grids."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from ase import Atoms
from scipy.interpolate import make_interp_spline
from scipy.spatial import KDTree
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from icescope.afm.energy_grid import FEWEST_NODES, EnergyGrid, second_derivative, spline_coefficients
from icescope.afm.interaction import COULOMB, Sample, lennard_jones_coefficients
from icescope.afm.periodic import SPACING, further_dispersion, further_potential, images
from icescope.afm.scan import Scan
from icescope.afm.tip import Springs, Tip
from icescope.errors import InputError

log = logging.getLogger(__name__)

COINCIDENT = 0.5  # A
DEFLECTION = 2.5  # A; farther from its free place no probe is expected, and it counts as not converged there
INSIDE = 0.6  # of the Lennard-Jones minimum's distance: some eV up the repulsive wall


def build_sample(
    structures: Sequence[Atoms],
    tip: Tip,
    scan: Scan,
    middle: np.ndarray,
    potentials: Sequence[xr.DataArray] | None = None,
    position: Tensor | None = None,
    charge: Tensor | None = None,
) -> Sample:
    """Structures with their periodic images, padded to one size with atoms that exert no force.

    Parameters
    ----------
    structures
        Their cells, periodicities, elements, positions and initial charges.
    middle
        (3,) origin of the sample's coordinates, A.
    potentials
        Of each structure, see `simulation.simulate`; the charges then play no part.
    position, charge
        (n, 3), A, and (n,), e, in place of a single structure's own, in double precision; they may carry gradients.

    Returns
    -------
    Sample in double precision on the CPU.

    Raises
    ------
    InputError
        A structure, its cell, its charges or its potential cannot be used.
    """
    rows, grids = [], [None] * len(structures)
    for which, atoms in enumerate(structures):
        position_of = torch.from_numpy(atoms.positions) if position is None else position
        charge_of = torch.from_numpy(atoms.get_initial_charges()) if charge is None else charge
        potential = None if potentials is None else potentials[which]
        if potential is not None:
            charge_of = torch.zeros_like(charge_of)
        numbers = position_of.detach().numpy()
        charges = charge_of.detach().numpy()
        _check(atoms, numbers, charges)
        if potential is None:
            _check_total(charges.sum(), atoms.info.get("charge"))
            if charge is None and not atoms.has("initial_charges"):
                log.warning(
                    "%s has no initial charges, so the tip's charge feels nothing", atoms.get_chemical_formula()
                )
        lennard_jones = torch.from_numpy(lennard_jones_coefficients(atoms.get_chemical_symbols(), tip.element))
        index = np.arange(len(atoms))
        if vectors := _periodic_vectors(atoms, numbers, charges, scan):
            vectors, axes = np.array(vectors), _field_axes(scan, tip)
            index, shift = images(numbers, vectors, *scan.corners)
            energy = further_dispersion(position_of, lennard_jones[:, 1], vectors, *scan.corners, axes)
            if charges.any():
                further = further_potential(position_of, charge_of, vectors, *scan.corners, axes)
                energy = energy + _tip_energy(further, axes, tip)
            grids[which] = energy, axes
            position_of = position_of[index] + torch.from_numpy(shift)
            charge_of, lennard_jones = charge_of[index], lennard_jones[index]
        if potential is not None:
            values, axes = _read_potential(potential, scan, tip)
            energy = _tip_energy(values, axes, tip)
            grids[which] = energy if grids[which] is None else energy + _resampled(*grids[which], axes), axes
        summed = position_of.detach().numpy()
        _check_apart(atoms, summed, index)
        _check_start(summed, lennard_jones.numpy(), scan, tip)
        kq = COULOMB * tip.charge * charge_of
        rows.append((position_of - torch.from_numpy(middle), lennard_jones[:, 0], lennard_jones[:, 1], kq))
    padding = (-1e3, 0.0, 0.0, 0.0)
    fields = [
        pad_sequence(list(values), batch_first=True, padding_value=value)
        for values, value in zip(zip(*rows, strict=True), padding, strict=True)
    ]
    if any(grid is not None for grid in grids):
        axes = _field_axes(scan, tip)
        nothing = torch.zeros([len(axis) for axis in axes], dtype=torch.float64), axes
        grid = _batched([_energy_grid(*(nothing if one is None else one), middle) for one in grids])
    else:
        grid = None
    return Sample(*fields, dz2=tip.multipole == "dz2", grid=grid)


def _check(atoms: Atoms, position: np.ndarray, charge: np.ndarray) -> None:
    if not len(atoms):
        raise InputError("a structure has no atoms.")
    if not np.isfinite(position).all():
        atom = int(np.argmin(np.isfinite(position).all(1)))
        raise InputError(f"atom {atom} ({atoms.symbols[atom]}) has a position that is not a number; correct it.")
    if not np.isfinite(charge).all():
        atom = int(np.argmin(np.isfinite(charge)))
        raise InputError(f"atom {atom} ({atoms.symbols[atom]}) has a charge that is not a number; correct it.")


def _check_apart(atoms: Atoms, position: np.ndarray, index: np.ndarray) -> None:
    """Refuse atoms in one place; position (m, 3) of atoms and images, which are of atoms `index` (m,)."""
    if close := KDTree(position).query_pairs(COINCIDENT):
        i, j = min(close)
        first, second = sorted((index[i], index[j]))
        image = " of a periodic image" if np.linalg.norm(atoms.positions[first] - atoms.positions[second]) > 1 else ""
        raise InputError(
            f"atoms {first} ({atoms.symbols[first]}) and {second} ({atoms.symbols[second]}){image} are only "
            f"{np.linalg.norm(position[i] - position[j]):.2f} A apart; remove one of them."
        )


def _check_total(total: float, stated: object) -> None:
    """Refuse charges that do not sum to what `atoms.info` states."""
    if stated is None:
        return
    try:
        stated = float(stated)
    except (TypeError, ValueError):
        raise InputError(f"the structure's stated charge is {stated!r}; it must be one number, in e.") from None
    if not abs(total - stated) <= 1e-3:
        raise InputError(
            f"the initial charges sum to {total:+.3f} e, but the structure's charge is stated as {stated:+g} e; "
            "correct one of them."
        )


def _periodic_vectors(atoms: Atoms, position: np.ndarray, charge: np.ndarray, scan: Scan) -> list[np.ndarray]:
    """Lattice vectors in the plane (k, 2), after checks of the cell."""
    if atoms.pbc.any() and not np.isfinite(atoms.cell.array).all():
        raise InputError("a structure's cell holds values that are not numbers; correct it.")
    if atoms.pbc[2]:
        if np.allclose(atoms.cell[2], 0):
            raise InputError(
                "a structure is periodic along z, but its cell has no height; switch that periodicity off."
            )
        if not np.allclose(atoms.cell[2, :2], 0):
            raise InputError("a structure's third periodic direction is not along z; switch its periodicity off.")
        next_image = position[:, 2].min() + abs(atoms.cell[2, 2])
        if scan.tip_height[-1] > next_image:
            raise InputError(
                f"the structure repeats along z: its next image begins at {next_image:.1f} A, below the tip at the top "
                f"of the scan ({scan.tip_height[-1]:.1f} A); add vacuum, or switch its periodicity along z off."
            )
    axes = [axis for axis in (0, 1) if atoms.pbc[axis]]
    if not axes:
        return []
    vectors = atoms.cell[axes]
    if (np.abs(vectors[:, 2]) > 1e-6 + np.abs(vectors[:, :2]).max(1)).any():
        raise InputError("a structure's first two cell vectors must lie in the plane of x and y; turn the structure.")
    if np.linalg.matrix_rank(vectors[:, :2], tol=1e-3) < len(axes):
        raise InputError("a structure is periodic along a direction in which its cell has no length; set the cell.")
    if not np.allclose(vectors[:, 2], 0, atol=1e-6):
        raise InputError("a structure's periodic directions leave the plane of x and y; turn its cell into it.")
    if abs(total := charge.sum()) > 1e-3:
        raise InputError(
            f"a periodic cell carries a charge of {total:+.3f} e, so its potential is not "
            "defined; neutralise it or switch its periodicity off."
        )
    return list(vectors[:, :2])


def _check_start(position: np.ndarray, lennard_jones: np.ndarray, scan: Scan, tip: Tip) -> None:
    low, high = scan.corners
    x, y, z = Springs.of(tip).free_probe()
    beside = position[:, :2] - np.clip(position[:, :2], low + [x, y], high + [x, y])
    above = scan.tip_height[-1] + z - position[:, 2]
    closest = INSIDE * (2 * lennard_jones[:, 0] / lennard_jones[:, 1]) ** (1 / 6)
    distance = np.hypot(np.linalg.norm(beside, axis=1), above)
    under = (np.abs(beside) < 1e-9).all(1) & (above < 0)
    if under.any():
        atom = int(np.argmax(np.where(under, position[:, 2], -np.inf)))
        raise InputError(
            f"at the top of the scan ({scan.tip_height[-1]:g} A) the probe starts below the atom at "
            f"x = {position[atom, 0]:.1f}, y = {position[atom, 1]:.1f}, z = {position[atom, 2]:.1f} A; tip heights are "
            "in the structure's frame, raise the tip."
        )
    if (distance < closest).any():
        atom = int(np.argmin(distance - closest))
        raise InputError(
            f"at the top of the scan ({scan.tip_height[-1]:g} A) the probe starts inside an atom at "
            f"x = {position[atom, 0]:.1f}, y = {position[atom, 1]:.1f}, z = {position[atom, 2]:.1f} A; raise the tip."
        )


def _field_axes(scan: Scan, tip: Tip) -> list[np.ndarray]:
    """Axes of a coarse grid about all positions of the probe, A."""
    x, y, z = Springs.of(tip).free_probe()
    ranges = [(scan.x + x), (scan.y + y), (scan.tip_height + z)]
    counts = [max(int(np.ceil((np.ptp(one) + 2 * DEFLECTION) / SPACING)) + 1, 9) for one in ranges]
    return [one.mean() + SPACING * (np.arange(n) - (n - 1) / 2) for one, n in zip(ranges, counts, strict=True)]


def _read_potential(potential: xr.DataArray, scan: Scan, tip: Tip) -> tuple[Tensor, list[np.ndarray]]:
    """Values (x, y, z), V, and axes of a potential that covers the probe's free positions."""
    if set(potential.dims) != {"x", "y", "z"}:
        raise InputError(f"a potential must have the dimensions x, y, z, not {', '.join(map(str, potential.dims))}.")
    if (unit := potential.attrs.get("units", "V")) != "V":
        raise InputError(f"a potential must be in V, not {unit}; convert it (V = -E of an electron in eV).")
    potential = potential.transpose("x", "y", "z")
    axes = [potential[axis].values.astype(float) for axis in "xyz"]
    offset = Springs.of(tip).free_probe()
    for name, axis, wanted, shift in zip("xyz", axes, (scan.x, scan.y, scan.tip_height), offset, strict=True):
        steps = np.diff(axis)
        if len(axis) < FEWEST_NODES or not (steps > 0).all() or np.ptp(steps) > 1e-3 * steps.mean():
            raise InputError(f"a potential needs {FEWEST_NODES} evenly spaced, ascending values along {name} or more.")
        if axis[0] > wanted[0] + shift or axis[-1] < wanted[-1] + shift:
            raise InputError(
                f"a potential reaches from {axis[0]:.2f} to {axis[-1]:.2f} A along {name}, but the probe goes from "
                f"{wanted[0] + shift:.2f} to {wanted[-1] + shift:.2f} A; compute it on a larger grid."
            )
    values = potential.values.astype(float)
    if not np.isfinite(values).all():
        raise InputError("a potential holds values that are not numbers.")
    return torch.from_numpy(values), axes


def _tip_energy(potential: Tensor, axes: list[np.ndarray], tip: Tip) -> Tensor:
    """Energy (x, y, z), eV, of the tip's multipole in a potential (x, y, z), V."""
    if tip.multipole == "dz2":
        potential = second_derivative(potential, (axes[2][-1] - axes[2][0]) / (len(axes[2]) - 1))
    return tip.charge * potential


def _resampled(values: Tensor, axes: list[np.ndarray], wanted: list[np.ndarray]) -> Tensor:
    """Values (x, y, z) on other axes, by splines; beyond the given axes as at their ends."""
    array = values.detach().numpy()
    for n, (axis, other) in enumerate(zip(axes, wanted, strict=True)):
        array = make_interp_spline(axis, array, axis=n)(other.clip(axis[0], axis[-1]))
    return torch.from_numpy(array)


def _energy_grid(values: Tensor, axes: list[np.ndarray], middle: np.ndarray) -> EnergyGrid:
    """Spline of energies (x, y, z), eV."""
    step = np.array([(axis[-1] - axis[0]) / (len(axis) - 1) for axis in axes])
    origin = np.array([axis[0] for axis in axes]) - middle
    intervals = torch.tensor([len(axis) - 1.0 for axis in axes], dtype=torch.float64)
    return EnergyGrid(spline_coefficients(values), torch.from_numpy(origin), torch.from_numpy(step), intervals)


def _batched(grids: list[EnergyGrid]) -> EnergyGrid:
    most = torch.tensor([grid.coefficients.shape for grid in grids]).amax(0)
    coefficients = []
    for grid in grids:
        after = (most - torch.tensor(grid.coefficients.shape)).tolist()
        coefficients.append(pad(grid.coefficients, [0, after[2], 0, after[1], 0, after[0]]))
    others = zip(*(grid[1:] for grid in grids), strict=True)
    return EnergyGrid(torch.stack(coefficients), *map(torch.stack, others))
