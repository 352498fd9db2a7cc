"""Where tip heights count from: the oxygens, or the substrate."""

import numpy as np
from ase import Atoms

from icescope.errors import InputError
from icescope.structures.samples import in_window

ORIGINS = ("mean_oxygen", "top_oxygen", "substrate")
WATER_AND_IONS = (1, 8, 11, 17, 19)  # atomic numbers of H, O, Na, Cl, K: not of a substrate


def origin_height(atoms: Atoms, origin: str) -> float:
    """Height (A, in the structure's frame) from which tip heights count.

    Parameters
    ----------
    origin
        "mean_oxygen", the mean height of all oxygens; "top_oxygen", the highest oxygen; or "substrate", the highest
        atom that belongs neither to water nor to an ion of Na, K or Cl (so a slab of NaCl is not found).

    Raises
    ------
    InputError
        The structure has no such atom.
    """
    if origin not in ORIGINS:
        raise InputError(f"the origin of the heights is {origin!r}; it must be one of {', '.join(ORIGINS)}.")
    counted = ~np.isin(atoms.numbers, WATER_AND_IONS) if origin == "substrate" else atoms.numbers == 8
    if not counted.any():
        what = "an atom of a substrate (other than H, O, Na, K, Cl)" if origin == "substrate" else "an oxygen"
        raise InputError(f"heights above {origin} need {what}, and the structure has none; choose another origin.")
    heights = atoms.positions[counted, 2]
    return float(heights.mean() if origin == "mean_oxygen" else heights.max())


def window_origin_height(atoms: Atoms, size: list[float], origin: str) -> float:
    """The same for one window of a store, whose z counts from the topmost metal plane, A.

    Only the oxygens with x and y inside the window count, not those of its margin.
    """
    if origin == "substrate":
        return 0.0
    return origin_height(atoms[in_window(atoms.positions, size)], origin)
