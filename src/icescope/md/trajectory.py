"""Films on disk: a PDB topology and XTC frames, written whole and read back with MDAnalysis."""

import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from ase import Atoms

from icescope.errors import InputError
from icescope.storage import whole_file
from icescope.structures.film import water_and_metal

XTC_DECIMALS = 4  # of a nm: 0.001 A


def film_universe(atoms: Atoms) -> mda.Universe:
    """Universe of one frame: each metal atom a residue named after its element, each molecule a residue SOL."""
    symbols = np.array(atoms.get_chemical_symbols())
    water, metal = water_and_metal(symbols)
    residues = np.empty(len(atoms), dtype=int)
    residues[metal] = np.arange(len(metal))
    residues[water] = len(metal) + np.arange(len(water)) // 3
    names = np.char.upper(symbols)
    names[water] = np.tile(["O", "H1", "H2"], len(water) // 3)
    universe = mda.Universe.empty(len(atoms), n_residues=residues.max() + 1, atom_resindex=residues, trajectory=True)
    universe.add_TopologyAttr("names", names)
    universe.add_TopologyAttr("elements", symbols)
    universe.add_TopologyAttr("resids", np.arange(1, residues.max() + 2))
    universe.add_TopologyAttr("resnames", [*np.char.upper(symbols[metal]), *["SOL"] * (len(water) // 3)])
    universe.add_TopologyAttr("charges", atoms.get_initial_charges())
    universe.atoms.positions = atoms.positions
    universe.dimensions = [*atoms.cell.lengths(), 90, 90, 90]
    return universe


def write_topology(atoms: Atoms, path: str | Path) -> None:
    """Write a film as PDB, with elements; the file appears whole or not at all."""
    with whole_file(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="MDAnalysis")  # PDB fields that a film has not
        film_universe(atoms).atoms.write(partial)


def write_frames(atoms: Atoms, frames: np.ndarray, times: np.ndarray, path: str | Path) -> None:
    """Write XTC frames, wrapped by `wrap_film`; the file appears whole or not at all.

    Parameters
    ----------
    atoms
        The film: its cell, order of atoms, and the lowest metal plane.
    frames
        Positions (frame, atom, 3), A.
    times
        Times (frame,), ps.
    """
    universe = film_universe(atoms)
    with whole_file(path) as partial, mda.Writer(str(partial), len(atoms), precision=XTC_DECIMALS) as writer:
        for index, (positions, time) in enumerate(zip(frames, times, strict=True)):
            universe.atoms.positions = wrap_film(atoms, positions)
            universe.trajectory.ts.frame = index
            universe.trajectory.ts.time = time
            writer.write(universe)


def wrap_film(atoms: Atoms, positions: np.ndarray) -> np.ndarray:
    """Move whole molecules so that each oxygen is in the cell, which begins at the lowest metal plane.

    Parameters
    ----------
    atoms
        The film: cell, order of atoms, metal positions.
    positions
        Positions (atom, 3), A, molecules whole.

    Returns
    -------
    ndarray
        Positions (atom, 3), A, with 0 <= x, y < edge and lowest metal plane <= z < that + edge for oxygens.
    """
    water, metal = water_and_metal(atoms.get_chemical_symbols())
    edges = atoms.cell.lengths()
    corner = np.array([0, 0, atoms.positions[metal, 2].min(initial=0)])
    wrapped = positions.copy()
    molecules = positions[water].reshape(-1, 3, 3)
    shift = edges * np.floor((molecules[:, :1] - corner) / edges)
    wrapped[water] = (molecules - shift).reshape(-1, 3)
    return wrapped


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
    water, metal = water_and_metal(np.char.capitalize(universe.atoms.elements.astype(str)))
    if not len(water) or not len(metal):
        raise InputError(f"{universe.filename} holds no water film on a metal.")
    return water[::3], metal
