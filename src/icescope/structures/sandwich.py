"""Two amorphous ices side by side: the cell a | b | a with flat interfaces across x."""

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from icescope.errors import InputError
from icescope.md.topology import single_atoms, water_molecules
from icescope.structures.molecule import whole_molecules
from icescope.structures.whole import check_seed

CONTACT = 2.4  # A, closest that two oxygens may come across a seam; the first peak of amorphous ice begins at 2.5 A
LARGEST_STRAIN = 0.03  # of a cell edge of b, along y or z; more is another ice
TRIES = 20  # random places of b against a, of which the one with the fewest contacts is kept


def sandwich(a: Atoms, b: Atoms, seed: int, gap: float = 0.0) -> Atoms:
    """Join two periodic boxes of ice to a | b | a along x, for example LDA | HDA | LDA.

    The box a is opened at its face across x and b put in between, so that a stays continuous through the periodic
    boundary of the new cell, half of it on each side of b; for more of it, give `a.repeat((2, 1, 1))`. Where oxygens of
    a and b come closer than 2.4 A across the two seams, those with the most such contacts are removed, as whole
    molecules, until none is left: in disordered ices of 0.95 and 1.15 g/cm3 that leaves 0.6 A of empty space at each
    seam, a gap wide enough to keep them all 1.5 A. The seams have to be relaxed afterwards; the paper gives them 30 ns
    at constant volume, 77 K and 0.2 GPa (Shupletsova, Stegailov 2026, section III.3; its recipe is in a supplement
    not seen).

    Parameters
    ----------
    a, b
        Water only, O, H, H molecule by molecule, orthorhombic cells, periodic in x, y and z, equilibrated at one
        pressure and temperature. b is strained along y and z to the cross-section of a, up to 3 %, and along x so that
        its density stays.
    seed
        Seed of the place along x where b is opened and of its shift along y and z.
    gap
        Empty space added at each of the two seams, A.

    Returns
    -------
    Atoms
        Molecules of a, then of b, whole, with their charges; tags 0 and 1. Cell in A. `info["b_from"]` and
        `info["b_to"]` are the seams, A; `info["removed_a"]` and `info["removed_b"]` count removed molecules;
        `info["strain_b"]` holds the strains of b along x, y and z.

    Raises
    ------
    InputError
        Not water in that order; positions that are not finite; a cell that is not orthorhombic and periodic; charges
        that differ; cross-sections that differ by more than 3 %; a gap that is not zero or more; a seed out of bounds.
    """
    check_seed(seed, "a sandwich")
    if not 0 <= gap < np.inf:
        raise InputError(f"The gap at the seams of a sandwich must be zero or more, not {gap} A.")
    first, edges = _molecules(a, "first")
    second, edges_b = _molecules(b, "second")
    charges = a.get_initial_charges()[:3]
    if not np.allclose(b.get_initial_charges().reshape(-1, 3), charges, atol=1e-9):
        raise InputError("The two slabs of a sandwich carry different charges; take one water model for both.")
    stretch = np.ones(3)
    stretch[1:] = edges[1:] / edges_b[1:]
    if np.abs(stretch - 1).max() > LARGEST_STRAIN:
        one, other = (f"{sides[1]:.2f} x {sides[2]:.2f} A" for sides in (edges, edges_b))
        raise InputError(
            f"The cross-sections of the two slabs, {one} and {other}, differ by more than {LARGEST_STRAIN:.0%}; "
            "equilibrate both at one."
        )
    stretch[0] = 1 / stretch[1:].prod()
    second += second[:, :1] * (stretch - 1)  # molecules move, and stay rigid
    edges_b = edges_b * stretch
    cell = np.array([edges[0] + edges_b[0] + 2 * gap, *edges[1:]])
    start = edges[0] / 2 + gap
    first = _shifted(first, np.array([edges[0] / 2, 0, 0]), edges)
    first[first[:, 0, 0] >= edges[0] / 2, :, 0] += edges_b[0] + 2 * gap
    rng = np.random.default_rng(seed)
    best = None
    for shift in rng.uniform(0, edges_b, (TRIES, 3)):
        placed = _shifted(second, shift, edges_b)
        placed[:, :, 0] += start
        pairs = _contacts(first[:, 0], placed[:, 0], cell)
        if best is None or len(pairs) < len(best[1]):
            best = placed, pairs
    second, pairs = best
    drop_a, drop_b = _fewest(pairs)
    first, second = np.delete(first, drop_a, axis=0), np.delete(second, drop_b, axis=0)
    molecules = np.concatenate([first, second])
    joined = Atoms(
        "OHH" * len(molecules),
        molecules.reshape(-1, 3),
        charges=np.tile(charges, len(molecules)),
        tags=np.repeat([0, 1], [3 * len(first), 3 * len(second)]),
        cell=cell,
        pbc=True,
    )
    joined.info = {
        "b_from": float(start),
        "b_to": float(start + edges_b[0]),
        "removed_a": len(drop_a),
        "removed_b": len(drop_b),
        "strain_b": (stretch - 1).tolist(),
    }
    return joined


def _molecules(atoms: Atoms, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Whole molecules (n, 3, 3), oxygens inside the cell, and edges (3,), A, of a periodic box of water."""
    symbols = atoms.get_chemical_symbols()
    if len(single_atoms(symbols)) or not len(water_molecules(symbols)):
        raise InputError(f"The {which} slab of a sandwich must hold water and nothing else.")
    if not np.isfinite(atoms.positions).all():
        raise InputError(f"The {which} slab of a sandwich holds positions that are not finite numbers.")
    edges = atoms.cell.lengths()
    if not atoms.pbc.all() or not np.allclose(atoms.cell, np.diag(edges), atol=1e-6) or not (edges > 0).all():
        raise InputError(f"The {which} slab of a sandwich must be periodic in an orthorhombic cell.")
    return _shifted(whole_molecules(atoms.positions.reshape(-1, 3, 3), edges), np.zeros(3), edges), edges


def _shifted(molecules: np.ndarray, shift: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Molecules (n, 3, 3), whole, moved by a shift (3,), A, with their oxygens back inside 0 <= x < edge."""
    oxygen = molecules[:, :1]
    inside = (oxygen + shift) % edges
    inside = np.where(inside >= edges, 0, inside)  # a % b can round up to b
    return molecules + inside - oxygen


def _contacts(first: np.ndarray, second: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Pairs (n, 2) of oxygens of the two ices, positions (m, 3), A, closer than CONTACT in the periodic cell."""
    near = cKDTree(first % cell, boxsize=cell).query_ball_tree(cKDTree(second % cell, boxsize=cell), CONTACT)
    return np.array([(i, j) for i, partners in enumerate(near) for j in partners], dtype=int).reshape(-1, 2)


def _fewest(pairs: np.ndarray) -> tuple[list[int], list[int]]:
    """Molecules of a and of b to remove so that no pair (n, 2) is left: always the one with the most contacts.

    Of equals, one of the ice that has lost fewer.
    """
    dropped = ([], [])
    while len(pairs):
        counts = [np.bincount(pairs[:, side]) for side in (0, 1)]
        most_a, most_b = counts[0].max(), counts[1].max()
        side = int(most_b > most_a or (most_b == most_a and len(dropped[1]) <= len(dropped[0])))
        molecule = int(counts[side].argmax())
        dropped[side].append(molecule)
        pairs = pairs[pairs[:, side] != molecule]
    return dropped
