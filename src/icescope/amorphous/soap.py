"""Surroundings of every oxygen as SOAP power spectra (Bartók, Kondor, Csányi 2013), by DScribe.

Shupletsova and Stegailov 2026, section II.B; what they leave out (basis, what the cutoff cuts) is DScribe's default.
"""

from itertools import combinations_with_replacement, product
from typing import NamedTuple

import numpy as np
from ase import Atoms
from dscribe.descriptors import SOAP

from icescope.errors import InputError

CUTOFF = 6.0  # A
SIGMA = 0.5  # A, standard deviation of an atom's density
# Atoms count as long as their density at the cutoff is above a thousandth of its maximum (DScribe).
REACH = CUTOFF + SIGMA * np.sqrt(2 * np.log(1000.0))  # 7.858 A
MOST_COPIES, MOST_CUBES = 1e3, 1e7  # of the cell within REACH, and of CUTOFF along each edge around all atoms


class DescriptorSet(NamedTuple):
    """Species that are seen around an oxygen, radial functions, highest angular momentum, and pairs left out."""

    species: tuple[str, ...]  # by atomic number, as DScribe orders its blocks
    n_max: int
    l_max: int
    without: tuple[str, ...] = ()


DESCRIPTOR_SETS = {
    "O": DescriptorSet(("O",), 8, 8),
    "O,H": DescriptorSet(("H", "O"), 6, 6),
    "H-bond": DescriptorSet(("H", "O"), 6, 6, without=("OO",)),
}


class Feature(NamedTuple):
    """One number of a power spectrum: radial functions n1 of the pair's first species, n2 of its second."""

    pair: str  # HH, HO or OO
    n1: int
    n2: int
    l: int  # noqa: E741 - the field's own name

    def __str__(self) -> str:
        return f"{self.pair}_{self.n1}{self.n2}{self.l}"


def features(descriptors: str) -> list[Feature]:
    """What each number of a descriptor is, in order.

    Within a pair l is the slowest index, then n1, then n2; n1 <= n2 for two atoms of one species, whose spectrum is
    symmetric. Every index starts at 0.

    Raises
    ------
    InputError
        No such set.
    """
    chosen = _set(descriptors)
    return [feature for feature in _all_features(chosen) if feature.pair not in chosen.without]


def soap(atoms: Atoms, descriptors: str) -> np.ndarray:
    """Descriptors of the surroundings of every oxygen, up to REACH.

    Parameters
    ----------
    atoms
        Oxygens and, where the set asks for them, hydrogens; A. Other species are not seen. Periodic where `atoms.pbc`
        says so, in a cell of any shape and size; atoms may lie outside it.
    descriptors
        Name in DESCRIPTOR_SETS.

    Returns
    -------
    (oxygens, features) float32, in the order of the oxygens.

    Raises
    ------
    InputError
        No such set, no oxygens, no hydrogens for a set that needs them, positions that are not numbers, or periodic
        atoms without a cell.
    """
    chosen = _set(descriptors)
    seen = atoms[np.isin(atoms.get_chemical_symbols(), chosen.species)]
    for symbol in chosen.species:
        if symbol not in seen.symbols:
            raise InputError(
                f"the structure has no {symbol}, which the descriptors ({descriptors}) need; give all atoms"
                + (", or take the descriptors (O)." if symbol == "H" else ".")
            )
    if not np.isfinite(seen.positions).all():
        raise InputError("a position is not a finite number; the structure is damaged.")
    if seen.cell.rank < 3 and seen.pbc.any():
        raise InputError("the structure is periodic but has no cell; give one, or say that it is not periodic.")
    _check_extent(seen)
    seen.wrap()  # DScribe takes an atom outside the cell for one that is far away
    calculator = SOAP(
        species=chosen.species,
        r_cut=CUTOFF,
        sigma=SIGMA,
        n_max=chosen.n_max,
        l_max=chosen.l_max,
        rbf="gto",
        periodic=bool(seen.pbc.any()),
        dtype="float32",
    )
    # Centres by their coordinates: by their indices DScribe's time and memory grow with the square of the atoms.
    spectra = calculator.create(seen, centers=seen.positions[seen.symbols == "O"])
    return spectra[:, [feature.pair not in chosen.without for feature in _all_features(chosen)]]


def _check_extent(atoms: Atoms) -> None:
    """Refuse a structure so wide, or in a cell so narrow, that the copies around it, or the room, exceed any memory."""
    with np.errstate(all="ignore"):
        copies, room = np.ones(3), np.ptp(atoms.positions, axis=0)
        if atoms.pbc.any():
            cell = atoms.cell.array
            across = np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
            copies = 1 + 2 * REACH * across / abs(np.linalg.det(cell))
            room = copies @ abs(cell)
        fits = copies.prod() <= MOST_COPIES and (1 + room / CUTOFF).prod() <= MOST_CUBES
    if not fits:  # also where they are not numbers
        raise InputError(
            f"the atoms with their periodic copies within {REACH:.1f} A span"
            f" {' x '.join(f'{edge:.3g}' for edge in room)} A, too much for descriptors; check the cell and its unit."
        )


def _all_features(chosen: DescriptorSet) -> list[Feature]:
    """Those of DScribe, in its order."""
    found = []
    for first, second in combinations_with_replacement(chosen.species, 2):
        radial = range(chosen.n_max)
        pairs = list(combinations_with_replacement(radial, 2) if first == second else product(radial, repeat=2))
        found += [Feature(first + second, *pair, angular) for angular in range(chosen.l_max + 1) for pair in pairs]
    return found


def _set(descriptors: str) -> DescriptorSet:
    if descriptors not in DESCRIPTOR_SETS:
        raise InputError(f"there are no descriptors {descriptors!r}; take one of {', '.join(DESCRIPTOR_SETS)}.")
    return DESCRIPTOR_SETS[descriptors]
