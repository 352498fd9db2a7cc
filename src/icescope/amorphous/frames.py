"""Oxygens and hydrogens of anybody's trajectory of water, frame by frame."""

import logging
import os
import re
import warnings
from collections import deque
from collections.abc import Iterator
from itertools import islice
from numbers import Real
from pathlib import Path

import ase.io
import MDAnalysis as mda
import numpy as np
import pandas as pd
from ase import Atoms

from icescope.errors import InputError
from icescope.md.record import read_record
from icescope.md.xdr import check_xdr
from icescope.structures.read import check_xyz

log = logging.getLogger(__name__)

SITE = "X"  # a virtual site, such as M of TIP4P
BY_ASE = (".xyz", ".extxyz")  # MDAnalysis does not read the cell of extended XYZ
DUMPS = (".lammpsdump", ".lammpstrj", ".dump")  # of LAMMPS, of which MDAnalysis knows the first
# amu: of hydrogen to deuterium, of oxygen, and of a whole molecule that is one bead
MASSES = {"H": (0.9, 2.1), "O": (15.5, 20.1), SITE: (0.0, 0.1)}
# Names of atoms and elements in the force fields and file formats of water.
NAMES = {"O": r"O(W|T|H2)?\d*", "H": r"[HD](W|T)?\d*", SITE: r"(M|MW|EP|EPW|LP|L|X|VS|)\d*"}


def water_frames(trajectory: str | Path, topology: str | Path | None = None) -> Iterator[Atoms]:
    """Every frame of a trajectory, one in memory at a time.

    What is an oxygen, a hydrogen and a virtual site is read from elements, masses, or names, whichever the files give
    first, and with types alone from their numbers.

    Parameters
    ----------
    trajectory
        Extended XYZ, or any format that MDAnalysis reads; coordinates may be unwrapped.
    topology
        Any that MDAnalysis reads; needed where the trajectory has coordinates alone, as XTC has.

    Yields
    ------
    Oxygens and hydrogens in their order, A, periodic in their cell; `info` has "frame", from 0, and "time", ps, where
    the file tells it.

    Raises
    ------
    InputError
        A file is missing, cannot be read, is cut off or empty; or it holds other things than water, not two hydrogens
        for an oxygen or none, or no cell; a GRO file of several frames, or a dump of LAMMPS with its units or times.
    """
    trajectory = Path(trajectory)
    for path in filter(None, (trajectory, topology)):
        if not os.path.isfile(path):
            raise InputError(f"{path} does not exist; give the file of a trajectory, or of its topology.")
        if not Path(path).stat().st_size:
            raise InputError(f"{path} is empty; the run that writes it may not have begun.")
    read = _by_ase(trajectory) if trajectory.suffix in BY_ASE else _by_mdanalysis(trajectory, topology)
    number = -1
    try:
        for number, frame in enumerate(read):
            if frame.cell.rank < 3:
                raise InputError(f"{trajectory} has no cell in frame {number}; write it with its box.")
            frame.info["frame"] = number
            yield frame
    except InputError:
        raise
    except Exception as error:  # each format has its own
        why = " ".join(str(error).split()) or type(error).__name__
        where = f"after frame {number}: it is damaged or cut off" if number >= 0 else "as a trajectory"
        raise InputError(f"{trajectory} cannot be read {where} ({why}).") from error
    if number < 0:
        raise InputError(f"{trajectory} holds no frames.")


def last_frame(trajectory: str | Path, topology: str | Path) -> Atoms:
    """The structure at the end of a trajectory of water, A."""
    return deque(water_frames(trajectory, topology), maxlen=1).pop()


def settings_at(record: str | Path, times: np.ndarray) -> pd.DataFrame:
    """What was set at the times, ps, of frames: rows of a record, columns as in `md.record.read_record`.

    Raises
    ------
    InputError
        The record has no row at one of the times.
    """
    rows = read_record(record)
    known = rows.time_ps.to_numpy()
    nearest = np.abs(known[:, None] - np.asarray(times, float)).argmin(0)
    if (np.abs(known[nearest] - times) > 1e-2).any():
        raise InputError(f"{record} is not of these frames: it has no row at some of their times.")
    return rows.iloc[nearest].reset_index(drop=True)


def _by_ase(trajectory: Path) -> Iterator[Atoms]:
    check_xyz(trajectory)
    for frame in ase.io.iread(trajectory.resolve(), do_not_split_by_at_sign=True):
        species = _water(_known(np.array(frame.get_chemical_symbols()), trajectory), trajectory)
        atoms = Atoms(species, frame.positions, cell=frame.cell, pbc=True)[species != SITE]
        if isinstance(frame.info.get("time"), Real):
            atoms.info["time"] = frame.info["time"]
        yield atoms


def _by_mdanalysis(trajectory: Path, topology: str | Path | None) -> Iterator[Atoms]:
    files = [str(topology), str(trajectory)] if topology else [str(trajectory)]
    options: dict = {}
    if trajectory.suffix in DUMPS:
        # A dump gives no time; MDAnalysis takes each of its steps for dt, ps, and warns if that is left out.
        options = {"format": "LAMMPSDUMP", "dt": 1.0} | ({} if topology else {"topology_format": "LAMMPSDUMP"})
        _check_dump(trajectory)
    try:
        check_xdr(trajectory)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="MDAnalysis")  # of what these files do not say
            universe = mda.Universe(*files, to_guess=(), **options)
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{' with '.join(files)} cannot be read as a trajectory ({why}).") from error
    if universe.trajectory.format == "GRO":
        _check_gro(trajectory, len(universe.atoms))
    species = _species(universe.atoms, files[0])
    seen = species != SITE
    read = 0
    for step in universe.trajectory:
        read += 1
        cell = step.triclinic_dimensions
        atoms = Atoms(species, step.positions, cell=np.zeros((3, 3)) if cell is None else cell, pbc=True)[seen]
        if "time" in step.data and trajectory.suffix not in DUMPS:
            atoms.info["time"] = step.data["time"]
        yield atoms
    # MDAnalysis takes part of a frame for the end of the file.
    if read < len(universe.trajectory) or (trajectory.suffix in DUMPS and not _whole_dump(trajectory, len(species))):
        raise EOFError("it ends within a frame")


def _check_dump(path: Path) -> None:
    """Refuse a dump of LAMMPS that begins with a line that MDAnalysis takes for another."""
    with path.open("rb") as file:
        first = file.readline().strip()
    if first in (b"ITEM: UNITS", b"ITEM: TIME"):
        raise InputError(
            f"{path} has lines {first.decode()}, which cannot be read; write it without dump_modify units and time, or"
            " remove each line ITEM: UNITS and ITEM: TIME with the one after it."
        )


def _check_gro(path: Path, atoms: int) -> None:
    """Refuse a GRO file of several frames, each of so many atoms and three other lines: MDAnalysis reads the first."""
    with mda.lib.util.anyopen(path) as file:
        if any(line.strip() for line in islice(file, atoms + 3, None)):
            raise InputError(
                f"{path} has more than one frame, of which only the first can be read from GRO; convert it to XTC"
                f" (gmx trjconv -f {path.name} -o run.xtc) and give {path.name} with --top."
            )


def _whole_dump(path: Path, atoms: int) -> bool:
    """Whether a dump of LAMMPS, of so many atoms and nine other lines a frame, ends with a whole frame."""
    lines, last = 0, b""
    with path.open("rb") as file:
        for last in file:
            lines += bool(last.strip())
    return lines % (atoms + 9) == 0 and last.endswith(b"\n")


def _species(atoms: mda.AtomGroup, file: str) -> np.ndarray:
    """O, H or SITE of each atom."""
    if hasattr(atoms, "elements") and np.all(atoms.elements != ""):
        return _water(_known(atoms.elements, file), file)
    if hasattr(atoms, "masses") and len(set(atoms.masses)) > 1:
        species = np.full(len(atoms), "?")
        for symbol, (low, high) in MASSES.items():
            species[(atoms.masses >= low) & (atoms.masses <= high)] = symbol
        if "?" in species:
            mass = atoms.masses[np.argmax(species == "?")]
            raise InputError(f"{file} holds an atom of mass {mass:g}, which water has not; write the water alone.")
        return _water(species, file)
    if hasattr(atoms, "names"):
        return _water(_known(atoms.names, file), file)
    if not hasattr(atoms, "types"):
        raise InputError(f"{file} does not say which atom is what; give a topology with --top.")
    types, index, count = np.unique(atoms.types, return_inverse=True, return_counts=True)
    if len(types) > 2 or (len(types) == 2 and count.max() != 2 * count.min()):
        raise InputError(
            f"{file} names atoms by the types {', '.join(types)} alone, and which of them is oxygen cannot be told;"
            " give a topology with masses or elements with --top."
        )
    species = np.where(count == count.min(), "O", "H")
    log.info("%s gives types alone: %s", file, ", ".join(map("{} is {}".format, types, species)))
    return species[index]


def _known(names: np.ndarray, file: str | Path) -> np.ndarray:
    """O, H or SITE by the names of atoms or elements."""
    different, index = np.unique(names.astype(str), return_inverse=True)
    species = np.full(len(different), "?")
    for symbol, pattern in NAMES.items():
        species[[re.fullmatch(pattern, name, re.IGNORECASE) is not None for name in different]] = symbol
    if "?" in species:
        raise InputError(
            f"{file} holds {', '.join(different[species == '?'])}, which is not of water; write a trajectory of the"
            " water alone."
        )
    return species[index]


def _water(species: np.ndarray, file: str | Path) -> np.ndarray:
    oxygens, hydrogens = ((species == symbol).sum() for symbol in "OH")
    if not oxygens or hydrogens not in (0, 2 * oxygens):
        raise InputError(
            f"{file} holds {oxygens} oxygens and {hydrogens} hydrogens; water has two hydrogens for each oxygen, or"
            " none are given."
        )
    return species
