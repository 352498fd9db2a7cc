"""Which atoms of a structure are water, which stand alone, and which never move."""

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from icescope.errors import InputError
from icescope.md.force_field import WATER_SPECIES, metals, species_table


def water_molecules(symbols: list[str] | np.ndarray) -> np.ndarray:
    """Indices (molecule, 3) of O, H, H.

    Parameters
    ----------
    symbols
        Chemical symbols (atom,).

    Raises
    ------
    InputError
        The water is not in the order O, H, H.
    """
    symbols = np.asarray(symbols)
    water = np.flatnonzero(np.isin(symbols, WATER_SPECIES))
    if len(water) % 3 or not (symbols[water].reshape(-1, 3) == [*"OHH"]).all():
        raise InputError("The structure's water is not in the order O, H, H, molecule after molecule.")
    return water.reshape(-1, 3)


def single_atoms(symbols: list[str] | np.ndarray) -> np.ndarray:
    """Indices of the atoms that are not of water: ions and metal atoms."""
    return np.flatnonzero(~np.isin(np.asarray(symbols), WATER_SPECIES))


def fixed_atoms(atoms: Atoms) -> np.ndarray:
    """Which atoms (atom,) never move: the metals, always, and those under an `ase.constraints.FixAtoms`.

    Raises
    ------
    InputError
        Another kind of constraint, or one that holds a part of a water molecule.
    """
    fixed = np.isin(atoms.get_chemical_symbols(), list(metals()))
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise InputError(f"The structure has a {type(constraint).__name__} constraint; only FixAtoms is known.")
        fixed[constraint.index] = True
    molecules = fixed[water_molecules(atoms.get_chemical_symbols())]
    if (molecules.any(axis=1) != molecules.all(axis=1)).any():
        raise InputError("The structure fixes a part of a water molecule; fix the whole molecule or none of it.")
    return fixed


def degrees_of_freedom(atoms: Atoms) -> int:
    """Degrees of freedom that carry heat: 6 of each rigid molecule and 3 of each single atom that is not fixed."""
    fixed = fixed_atoms(atoms)
    symbols = atoms.get_chemical_symbols()
    return 6 * int((~fixed[water_molecules(symbols)[:, 0]]).sum()) + 3 * int((~fixed[single_atoms(symbols)]).sum())


def check_species(atoms: Atoms, water: str) -> None:
    """Refuse, with an `InputError`, a structure with an element that the force field does not have."""
    unknown = sorted(set(atoms.get_chemical_symbols()) - set(species_table(water)))
    if unknown:
        raise InputError(
            f"The force field has no {', '.join(unknown)}; add a row to a table in src/icescope/md/force_fields."
        )
