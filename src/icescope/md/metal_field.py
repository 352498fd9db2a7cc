"""The frozen metal as the water feels it: its Lennard-Jones energy, tabulated once over one surface cell.

A metal that never moves is a field, so its atoms need no place in the neighbour list. Measured on the CPU
platform, one thread, 2 fs, cut-off 12 A, Au 12 x 7 x 3, ns/day with 145 and with 339 molecules:
this table 139 and 44; metal as NonbondedForce particles, whose own pairs are then summed each step, 64 and 28;
CustomNonbondedForce interaction group 42 and 20; NonbondedForce with the metal's pairs excluded 33 and 21.
"""

import numpy as np
import openmm
from ase import Atoms
from ase.units import kJ, mol, nm

from icescope.errors import InputError
from icescope.md.force_field import metal_species, mix, species_table

SPACING = 0.12  # A, at most, between points of the table
PADDING = 6  # points beyond the surface cell, so that the spline does not feel its ends
CLOSEST = 1.5  # A, from the outer metal plane: the table begins where no oxygen ever comes (above 5 eV)


def surface_cell(metal: str) -> np.ndarray:
    """Edges (2,), A, of the rectangular cell that a (111) surface repeats: a/sqrt(2) and a sqrt(3/2)."""
    return metal_species(metal).lattice * np.array([np.sqrt(0.5), np.sqrt(1.5)])


def pair_sum(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray], slab: Atoms, sigma: float, epsilon: float, cutoff: float
) -> np.ndarray:
    """Lennard-Jones energy of one atom on a grid of points with a slab that is periodic in x and y.

    E(r) = sum over metal atoms j with |r - r_j| < cutoff of 4 epsilon [(sigma/r_j)^12 - (sigma/r_j)^6].

    Parameters
    ----------
    axes
        Coordinates (nx,), (ny,), (nz,) of the grid, A.
    slab
        Metal atoms; the cell gives the periods along x and y.
    sigma, epsilon
        Parameters of the pair, A and eV.
    cutoff
        Truncation, A, without shift.

    Returns
    -------
    ndarray
        Energy (nx, ny, nz), eV.
    """
    x, y, z = axes
    width, depth = slab.cell.lengths()[:2]
    energy = np.zeros((len(x), len(y), len(z)))
    for metal in slab.positions:
        height2 = (z - metal[2]) ** 2
        if height2.min() >= cutoff**2:
            continue
        for shift_x in _images(x, metal[0], width, cutoff):
            for shift_y in _images(y, metal[1], depth, cutoff):
                lateral2 = (x[:, None] - metal[0] - shift_x) ** 2 + (y - metal[1] - shift_y) ** 2
                if lateral2.min() < cutoff**2:
                    r2 = lateral2[:, :, None] + height2
                    attraction = (sigma**2 / r2) ** 3
                    energy += np.where(r2 < cutoff**2, attraction * (attraction - 1), 0)
    return 4 * epsilon * energy


def metal_force(atoms: Atoms, metal: np.ndarray, oxygens: np.ndarray, cutoff: float) -> openmm.Force:
    """OpenMM force of the frozen slab, and of its periodic image above, on the oxygens.

    Parameters
    ----------
    atoms
        The film, orthorhombic cell, topmost metal plane at z = 0.
    metal
        Indices of the metal atoms in `atoms`.
    oxygens
        Indices (molecule,) of the oxygens among the particles of the OpenMM system.
    cutoff
        Lennard-Jones cut-off, A.

    Raises
    ------
    InputError
        The slab is not whole (111) cells of one metal of the force field.
    """
    symbols = set(atoms[metal].get_chemical_symbols())
    if len(symbols) != 1:
        raise InputError(f"The slab is of {', '.join(sorted(symbols))}; it must be of one metal.")
    symbol = symbols.pop()
    tile = surface_cell(symbol)
    repeats = atoms.cell.lengths()[:2] / tile
    if np.abs(repeats - np.round(repeats)).max() > 1e-4:
        raise InputError(
            f"The cell is not a whole number of {symbol}(111) surface cells of {tile[0]:.3f} x {tile[1]:.3f} A."
        )
    slab = _one_cell(atoms[metal], tile)
    image = slab.copy()
    height = atoms.cell.lengths()[2]
    image.positions[:, 2] += height
    underside = image.positions[:, 2].min()
    x, y, z = (
        f"{axis}1-{period}*floor({axis}1/{period})"
        for axis, period in zip("xyz", (*tile / nm, height / nm), strict=True)
    )
    force = openmm.CustomCompoundBondForce(1, f"above(x,y,z)+below(x,y,z); x={x}; y={y}; z={z}")
    force.addTabulatedFunction("above", _table(slab, CLOSEST, cutoff, cutoff))
    force.addTabulatedFunction("below", _table(image, underside - cutoff, underside - CLOSEST, cutoff))
    for oxygen in oxygens:
        force.addBond([int(oxygen)], [])
    return force


def _one_cell(slab: Atoms, tile: np.ndarray) -> Atoms:
    """The atoms of the first surface cell of a slab, with that cell as the period."""
    lateral = slab.positions[:, :2]
    cell = slab[((lateral > -0.01) & (lateral < tile - 0.01)).all(axis=1)]
    cell.set_cell([*tile, slab.cell.lengths()[2]])
    return cell


def _table(slab: Atoms, low: float, high: float, cutoff: float) -> openmm.Continuous3DFunction:
    """Cubic spline (nm, kJ/mol) of the slab's energy over one surface cell, low <= z <= high (A); 0 outside."""
    sigma, epsilon = mix(species_table()["O"], metal_species(slab.get_chemical_symbols()[0]))
    axes = [_padded_period(edge) for edge in slab.cell.lengths()[:2]]
    axes.append(np.linspace(low, high, int(np.ceil((high - low) / SPACING)) + 1))
    energy = pair_sum(tuple(axes), slab, sigma, epsilon, cutoff) / (kJ / mol)
    bounds = [bound / nm for axis in axes for bound in (axis[0], axis[-1])]
    return openmm.Continuous3DFunction(*energy.shape, energy.ravel(order="F"), *bounds)


def _padded_period(edge: float) -> np.ndarray:
    """Points from 0 to `edge`, and PADDING more on both sides."""
    intervals = int(np.ceil(edge / SPACING))
    return np.arange(-PADDING, intervals + PADDING + 1) * (edge / intervals)


def _images(points: np.ndarray, position: float, period: float, cutoff: float) -> np.ndarray:
    """Shifts, multiples of `period`, that bring a position within the cut-off of some of the points."""
    first = np.ceil((points.min() - cutoff - position) / period)
    last = np.floor((points.max() + cutoff - position) / period)
    return period * np.arange(first, last + 1)
