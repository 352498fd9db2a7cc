"""Bare substrates: fcc(111) metals and NaCl(001), their topmost plane at z = 0."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import fcc111

from icescope.errors import InputError
from icescope.md.force_field import metal_species, salt_lattice, species_table
from icescope.structures.whole import is_whole


def metal_slab(metal: str, repeats: Sequence[int], layers: int) -> Atoms:
    """Build an fcc(111) slab in a rectangular cell.

    Parameters
    ----------
    metal
        Chemical symbol; a row with a lattice constant a in the force field tables.
    repeats
        Rectangular cells, a/sqrt(2) by a sqrt(3/2), along x and along y (two atoms a layer in each).
    layers
        Atomic layers.

    Returns
    -------
    Atoms
        At z <= 0, uncharged, periodic in x and y; A.

    Raises
    ------
    InputError
        Unknown metal; repeats or layers that are not whole numbers of at least 1.
    """
    lattice = metal_species(metal).lattice
    across, along, layers = _counts(repeats, layers)
    slab = fcc111(metal, (across, 2 * along, layers), a=lattice, orthogonal=True)
    slab.positions[:, 2] -= slab.positions[:, 2].max()
    slab.cell[2] = [0, 0, layers * lattice / np.sqrt(3)]
    slab.set_initial_charges(np.zeros(len(slab)))
    slab.set_tags(0)
    slab.info = {}  # what ASE keeps to add adsorbates
    return slab


def nacl_slab(repeats: Sequence[int], layers: int) -> Atoms:
    """Build a NaCl(001) slab, edges along [100] and [010], with the bulk lattice constant of 5.640 A.

    Parameters
    ----------
    repeats
        Cubic cells, 5.640 by 5.640 A, along x and along y (two Na+ and two Cl- a layer in each).
    layers
        Atomic layers, 2.820 A apart.

    Returns
    -------
    Atoms
        At z <= 0, periodic in x and y, charges +1 and -1 e; A. Every layer is neutral; a Cl- of the topmost layer is
        at the origin.

    Raises
    ------
    InputError
        Repeats or layers that are not whole numbers of at least 1.
    """
    across, along, layers = _counts(repeats, layers)
    spacing = salt_lattice("NaCl") / 2
    grid = np.indices((layers, 2 * along, 2 * across)).reshape(3, -1)[::-1].T  # x fastest, from the top layer down
    symbols = np.where(grid.sum(axis=1) % 2, "Na", "Cl")
    table = species_table()
    return Atoms(
        symbols,
        spacing * grid * [1, 1, -1],
        charges=[table[symbol].charge for symbol in symbols],
        cell=spacing * np.array([2 * across, 2 * along, layers]),
        pbc=[True, True, False],
    )


def _counts(repeats: Sequence[int], layers: int) -> tuple[int, int, int]:
    """The two repeats and the layers as integers, after a check of them."""
    if len(repeats) != 2 or not all(is_whole(count) for count in (*repeats, layers)):
        raise InputError(
            f"Slab repeats {list(repeats)} and layers {layers} must be two and one whole numbers of at least 1."
        )
    return int(repeats[0]), int(repeats[1]), int(layers)
