"""The frozen metal as water and ions feel it: its Lennard-Jones energy, tabulated once over one surface cell.

A metal that never moves is a field, so its atoms need no place in the neighbour list. Measured on the CPU
platform, one thread, 2 fs, cut-off 12 A, Au 12 x 7 x 3, ns/day with 145 and with 339 molecules:
this table 139 and 44; metal as NonbondedForce particles, whose own pairs are then summed each step, 64 and 28;
CustomNonbondedForce interaction group 42 and 20; NonbondedForce with the metal's pairs excluded 33 and 21.
"""

from functools import lru_cache

import numpy as np
import openmm
from ase import Atoms
from ase.units import kJ, mol, nm

from icescope.errors import InputError
from icescope.md.force_field import Species, metal_species, mix, species_table
from icescope.md.model import Model

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


def metal_force(
    atoms: Atoms, cell: np.ndarray, metal: np.ndarray, particles: dict[str, np.ndarray], model: Model
) -> list[openmm.Force]:
    """OpenMM forces of the frozen slab, and of its periodic image above, one for each element that feels it.

    Parameters
    ----------
    atoms
        The structure, topmost metal plane at z = 0.
    cell
        Vectors (3, 3), A, orthorhombic.
    metal
        Indices of the metal atoms in `atoms`.
    particles
        Indices (particle,) of the moving particles of the OpenMM system by element.
    model
        Its Lennard-Jones cut-off, without shift, and its water.

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
    edges = np.diag(cell)
    repeats = edges[:2] / tile
    if np.abs(repeats - np.round(repeats)).max() > 1e-4 or np.abs(cell - np.diag(edges)).max() > 1e-6:
        raise InputError(
            f"The cell is not a whole number of {symbol}(111) surface cells of {tile[0]:.3f} x {tile[1]:.3f} A."
        )
    slab = _one_cell(atoms[metal], tile, edges[2])
    if len(slab) * round(np.prod(repeats)) != len(metal):
        raise InputError(f"The metal is not a {symbol}(111) slab that begins with an atom at x = 0, y = 0.")
    if abs(slab.positions[:, 2].max()) > 1e-3:
        raise InputError("The metal's topmost plane is not at z = 0; shift the structure.")
    table = species_table(model.water)
    return [
        _field(slab, table[element], indices, model.lj_cutoff)
        for element, indices in sorted(particles.items())
        if table[element].epsilon > 0 and len(indices)
    ]


def _field(slab: Atoms, species: Species, particles: np.ndarray, cutoff: float) -> openmm.Force:
    """Force on the particles of one element, of one surface cell's slab below them and its image above."""
    image = slab.copy()
    width, depth, height = slab.cell.lengths()
    image.positions[:, 2] += height
    underside = image.positions[:, 2].min()
    x, y, z = (
        f"{axis}1-{period}*floor({axis}1/{period})"
        for axis, period in zip("xyz", (width / nm, depth / nm, height / nm), strict=True)
    )
    force = openmm.CustomCompoundBondForce(1, f"above(x,y,z)+below(x,y,z); x={x}; y={y}; z={z}")
    pair = mix(species, metal_species(slab.get_chemical_symbols()[0]))
    force.addTabulatedFunction("above", _table(slab, pair, CLOSEST, cutoff, cutoff))
    force.addTabulatedFunction("below", _table(image, pair, underside - cutoff, underside - CLOSEST, cutoff))
    for particle in particles:
        force.addBond([int(particle)], [])
    return force


def _one_cell(slab: Atoms, tile: np.ndarray, height: float) -> Atoms:
    """The atoms of the first surface cell of a slab, with that cell as the period."""
    lateral = slab.positions[:, :2]
    cell = slab[((lateral > -0.01) & (lateral < tile - 0.01)).all(axis=1)]
    cell.set_cell([*tile, height])
    return cell


def _table(
    slab: Atoms, pair: tuple[float, float], low: float, high: float, cutoff: float
) -> openmm.Continuous3DFunction:
    """Cubic spline (nm, kJ/mol) of the slab's energy over one surface cell, low <= z <= high (A); 0 outside."""
    atoms = tuple(map(tuple, slab.positions.tolist()))
    return openmm.Continuous3DFunction(*_values(atoms, tuple(slab.cell.lengths()), pair, low, high, cutoff))


@lru_cache(maxsize=16)  # a run asks again for each of its segments
def _values(
    positions: tuple[tuple[float, ...], ...],
    edges: tuple[float, ...],
    pair: tuple[float, float],
    low: float,
    high: float,
    cutoff: float,
) -> tuple:
    """Arguments of OpenMM's function: three sizes, values (kJ/mol), and six bounds (nm)."""
    slab = Atoms(positions=positions, cell=edges)
    axes = [_padded_period(edge) for edge in edges[:2]]
    axes.append(np.linspace(low, high, int(np.ceil((high - low) / SPACING)) + 1))
    energy = pair_sum(tuple(axes), slab, *pair, cutoff) / (kJ / mol)
    bounds = [bound / nm for axis in axes for bound in (axis[0], axis[-1])]
    return *energy.shape, energy.ravel(order="F"), *bounds


def _padded_period(edge: float) -> np.ndarray:
    """Points from 0 to `edge`, and PADDING more on both sides."""
    intervals = int(np.ceil(edge / SPACING))
    return np.arange(-PADDING, intervals + PADDING + 1) * (edge / intervals)


def _images(points: np.ndarray, position: float, period: float, cutoff: float) -> np.ndarray:
    """Shifts, multiples of `period`, that bring a position within the cut-off of some of the points."""
    first = np.ceil((points.min() - cutoff - position) / period)
    last = np.floor((points.max() + cutoff - position) / period)
    return period * np.arange(first, last + 1)
