"""Structures that a user gives: read from any file that ASE reads, with charges assumed where it has none."""

import logging
import os
import re
from itertools import islice
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.io.formats import filetype, open_with_compression

from icescope.errors import InputError
from icescope.md.force_field import species_table

log = logging.getLogger(__name__)

MOST_ATOMS, MOST_MISSING, MOST_COLUMNS = 10**9, 10**5, 1000  # of XYZ: in a frame, at its end, and of one property
FORMAL_CHARGES = {"Na": 1.0, "K": 1.0, "Cl": -1.0}  # e, of ions


def read_structure(path: str | Path) -> Atoms:
    """Read a structure (the last one of a file with several) with the charges that the tip feels.

    Charges (e) are the file's where it has them: in extended XYZ the column `initial_charges` or `charges`. Otherwise
    water gets those of SPC/E, Na, K and Cl their formal charges, all else none, and a line of the log says so.

    Raises
    ------
    InputError
        The file is missing, cannot be read, or holds no atoms or numbers that are not finite.
    """
    path = Path(path)
    atoms = read_atoms(path)
    reported = atoms.calc.results.get("charges") if atoms.calc else None
    if reported is not None and not atoms.has("initial_charges"):
        atoms.set_initial_charges(reported)
    if not atoms.has("initial_charges"):
        _assume_charges(atoms, path)
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.get_initial_charges()).all()):
        raise InputError(f"{path} holds positions or charges that are not finite numbers.")
    if not np.isfinite(atoms.cell.array).all():
        raise InputError(f"{path} holds a cell that is not of finite numbers.")
    return atoms


def read_atoms(path: str | Path) -> Atoms:
    """Read a structure (the last one of a file with several) as it is.

    Raises
    ------
    InputError
        The file is missing, cannot be read, or holds no atoms or none of the elements.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path} does not exist; give a file with a structure, such as extended XYZ.")
    try:
        check_xyz(path)
        atoms = ase.io.read(path.resolve(), do_not_split_by_at_sign=True)  # "-" and "mysql" have a meaning for ASE
    except Exception as error:  # each format of ASE has its own
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read as a structure ({why}); write it as extended XYZ.") from error
    if not len(atoms):
        raise InputError(f"{path} holds no atoms.")
    if not 0 <= atoms.numbers.min() <= atoms.numbers.max() < len(chemical_symbols):
        raise InputError(f"{path} holds an atomic number that is of no element; correct it.")
    return atoms


def check_xyz(path: str | Path) -> None:
    """Refuse, with a `ValueError`, XYZ that announces so many atoms or columns that ASE would count for hours."""
    path = str(Path(path).resolve())
    if filetype(path) not in ("xyz", "extxyz"):
        return
    with open_with_compression(path) as file:
        while (line := file.readline()).strip():
            atoms, columns = int(line), [int(number) for number in re.findall(r":[RISL]:(\d+)", file.readline())]
            missing = atoms - sum(1 for _ in islice(file, max(0, min(atoms, MOST_ATOMS))))
            if missing > MOST_MISSING or max(columns, default=0) > MOST_COLUMNS:
                raise ValueError(f"it announces {atoms} atoms with {columns} columns, and has not so many")


def _assume_charges(atoms: Atoms, path: Path) -> None:
    """Set charges by element, and log them."""
    water = {symbol: species_table()[symbol].charge for symbol in "OH"}
    symbols = atoms.get_chemical_symbols()
    charges = {symbol: (water | FORMAL_CHARGES).get(symbol, 0.0) for symbol in dict.fromkeys(symbols)}
    atoms.set_initial_charges([charges[symbol] for symbol in symbols])
    log.info(
        "%s gives no charges: assumed %s e (SPC/E water, formal charges of ions, none on others), in total %+.3f e",
        path.name,
        ", ".join(f"{symbol} {charge:+g}" for symbol, charge in charges.items()),
        atoms.get_initial_charges().sum() + 0.0,
    )
