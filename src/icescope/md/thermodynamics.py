"""Quantities of the record that do not depend on the engine."""

import numpy as np
from ase import Atoms

GRAM_PER_CM3 = 1.66053907  # of one u/A^3


def density(atoms: Atoms, cell: np.ndarray) -> float:
    """Mass of all atoms over the volume of a cell (3, 3) in A, g/cm3."""
    return float(atoms.get_masses().sum() / abs(np.linalg.det(cell)) * GRAM_PER_CM3)
