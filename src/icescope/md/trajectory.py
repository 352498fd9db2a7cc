"""Trajectories on disk: a PDB topology and XTC frames, written whole and read back with MDAnalysis."""

import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from ase import Atoms
from ase.geometry import cell_to_cellpar

from icescope.errors import InputError
from icescope.md.force_field import metals
from icescope.md.topology import fixed_atoms, single_atoms, water_molecules
from icescope.md.xdr import check_xdr
from icescope.storage import whole_file

XTC_DECIMALS = 4  # of a nm: 0.001 A


def structure_universe(atoms: Atoms) -> mda.Universe:
    """Universe of one frame: each molecule a residue SOL, each other atom a residue named after its element."""
    symbols = np.array(atoms.get_chemical_symbols())
    molecules = water_molecules(symbols)
    starts = np.ones(len(atoms), dtype=bool)  # atoms that begin a residue
    starts[molecules[:, 1:]] = False
    residues = np.cumsum(starts) - 1
    residues[molecules[:, 1:]] = residues[molecules[:, :1]]
    names = np.char.upper(symbols).astype("U4")
    names[molecules] = ["O", "H1", "H2"]
    universe = mda.Universe.empty(len(atoms), n_residues=starts.sum(), atom_resindex=residues, trajectory=True)
    universe.add_TopologyAttr("names", names)
    universe.add_TopologyAttr("elements", symbols)
    universe.add_TopologyAttr("resids", np.arange(1, starts.sum() + 1))
    first = symbols[starts]
    universe.add_TopologyAttr("resnames", np.where(first == "O", "SOL", np.char.upper(first)))
    universe.add_TopologyAttr("charges", atoms.get_initial_charges())
    universe.atoms.positions = atoms.positions
    universe.dimensions = atoms.cell.cellpar()
    return universe


def write_topology(atoms: Atoms, path: str | Path) -> None:
    """Write a structure as PDB, with elements; the file appears whole or not at all."""
    with whole_file(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="MDAnalysis")  # PDB fields that a structure has not
        structure_universe(atoms).atoms.write(partial)


def write_frames(atoms: Atoms, frames: np.ndarray, cells: np.ndarray, times: np.ndarray, path: str | Path) -> None:
    """Write XTC frames, wrapped by `wrap_molecules`; the file appears whole or not at all.

    Parameters
    ----------
    atoms
        The structure: its order of atoms, and the lowest metal plane.
    frames
        Positions (frame, atom, 3), A.
    cells
        Cell vectors (frame, 3, 3), A.
    times
        Times (frame,), ps.
    """
    universe = structure_universe(atoms)
    with whole_file(path) as partial, mda.Writer(str(partial), len(atoms), precision=XTC_DECIMALS) as writer:
        for index, (positions, cell, time) in enumerate(zip(frames, cells, times, strict=True)):
            universe.atoms.positions = wrap_molecules(atoms, positions, cell)
            universe.dimensions = cell_to_cellpar(cell)
            universe.trajectory.ts.frame = index
            universe.trajectory.ts.time = time
            writer.write(universe)


def wrap_molecules(atoms: Atoms, positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Move whole molecules and ions into the cell, which begins at the lowest metal plane where there is a metal.

    Parameters
    ----------
    atoms
        The structure: order of atoms, metal positions.
    positions
        Positions (atom, 3), A, molecules whole.
    cell
        Vectors (3, 3), A.

    Returns
    -------
    ndarray
        Positions (atom, 3), A; for an orthorhombic cell 0 <= x, y < edge and lowest metal plane <= z < that + edge
        for oxygens and ions. Fixed atoms stay where they are.
    """
    symbols = np.array(atoms.get_chemical_symbols())
    metal = np.isin(symbols, list(metals()))
    corner = np.array([0, 0, atoms.positions[metal, 2].min(initial=0)])
    leads = np.arange(len(atoms))  # the atom that each atom follows
    molecules = water_molecules(symbols)
    leads[molecules] = molecules[:, :1]
    shift = np.floor((positions[leads] - corner) @ np.linalg.inv(cell)) @ cell
    shift[fixed_atoms(atoms)] = 0
    return positions - shift


def open_film(topology: str | Path, trajectory: str | Path) -> mda.Universe:
    """Open a film's topology and trajectory.

    Raises
    ------
    InputError
        A file is missing, cannot be read, or does not fit the other.
    """
    for path in (topology, trajectory):
        if not Path(path).is_file():
            raise InputError(f"{path} does not exist; run the rule that makes it, or check the name.")
    try:
        check_xdr(trajectory)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Reload offsets")  # Snakemake touches its outputs
            return mda.Universe(str(topology), str(trajectory), to_guess=())
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise InputError(f"{topology} and {trajectory} could not be read as a trajectory: {error}") from error


def film_indices(universe: mda.Universe) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the oxygens (molecule,), each followed by its hydrogens, and of the metal atoms.

    Raises
    ------
    InputError
        The topology has no elements, or the film has no metal or no water.
    """
    if not hasattr(universe.atoms, "elements"):
        raise InputError(f"{universe.filename} names no elements; give the film's topology as PDB.")
    symbols = np.char.capitalize(universe.atoms.elements.astype(str))
    molecules, metal = water_molecules(symbols), single_atoms(symbols)
    if not len(molecules) or not len(metal):
        raise InputError(f"{universe.filename} holds no water film on a metal.")
    return molecules[:, 0], metal
