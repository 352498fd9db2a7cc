"""Proton-disordered ice Ih without a net dipole, as a crystal and as a slab with a named face.

GenIce2 (Matsumoto, Yagasaki, Tanaka, J. Comput. Chem. 39, 61 (2018)) gives the oxygens and a random network of
hydrogen bonds that keeps the ice rules; the molecules on it have exactly the geometry of the water model.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from ase import Atoms
from ase.units import kg, m
from genice2.formats.raw import Format
from genice2.genice import GenIce
from genice2.lattices.one import Lattice

from icescope.errors import InputError
from icescope.structures.molecule import rigid_water
from icescope.structures.whole import check_seed, is_whole

DENSITY = 0.930  # g/cm3, TIP4P/Ice at 77 K and 1 bar
TRIES = 100  # networks drawn until one has no dipole

# Which of the crystal's axes (0 along a, 1 across it in the layer, 2 along c) become x, y and z, z the face's normal.
# Cyclic, so that no face is a mirror image.
FACES = {"basal": (0, 1, 2), "prism": (2, 0, 1), "secondary_prism": (1, 2, 0)}


def ice_ih(repeats: Sequence[int], seed: int, water: str = "tip4p_ice", density: float = DENSITY) -> Atoms:
    """Build a periodic crystal of ice Ih, proton-disordered, with no net dipole.

    The oxygens are those of ideal ice Ih (c/a = sqrt(8/3), all neighbours at one distance, 2.754 A at 0.930 g/cm3),
    so that the dipoles of the molecules cancel exactly.

    Parameters
    ----------
    repeats
        Orthorhombic cells of 16 molecules along x, y and z; one is 8.99 x 7.79 x 7.34 A at 0.930 g/cm3, with x along
        [11-20] (normal of the secondary prism face), y along [10-10] (prism) and z along [0001] (basal).
    seed
        Seed of the hydrogen bonds; the oxygens are the same for all.
    water
        Name of a water model of the force field tables.
    density
        g/cm3.

    Returns
    -------
    Atoms
        O, H, H molecule by molecule, whole, with the model's charges as initial charges (e; the charge of a site M is
        on its O), cell in A, periodic in x, y and z. Oxygens lie inside the cell; hydrogens may stick out.

    Raises
    ------
    InputError
        Unknown water model; repeats that are not three positive whole numbers; a density or a seed out of bounds.
    """
    if len(repeats) != 3 or not all(is_whole(count) for count in repeats):
        raise InputError(f"Ice repeats {list(repeats)} must be three whole numbers of at least 1.")
    if not 0.5 <= density <= 1.5:
        raise InputError(f"A density of {density} g/cm3 is no density of ice; give one between 0.5 and 1.5.")
    molecule, charges = rigid_water(water)
    fractional, rotations, edges = _network([int(count) for count in repeats], seed)
    atoms = Atoms("OHH" * len(fractional), charges=np.tile(charges, len(fractional)), pbc=True)
    volume = atoms.get_masses().sum() / (density * 1e-3 * kg / (1e-2 * m) ** 3)
    edges = edges * (volume / edges.prod()) ** (1 / 3)
    atoms.set_cell(edges)
    atoms.positions = ((fractional * edges)[:, None] + molecule @ rotations).reshape(-1, 3)
    return atoms


def ice_slab(
    face: str,
    repeats: Sequence[int],
    vacuum: float,
    seed: int,
    water: str = "tip4p_ice",
    density: float = DENSITY,
) -> Atoms:
    """Build a slab of ice Ih with a face's normal along z.

    The crystal is opened where its oxygen planes are farthest apart: between bilayers for the basal face and between
    the pairs of planes for the prism face; the planes of the secondary prism face are evenly spaced. Both sides of
    the slab are the same face. Without a dipole, as many hydrogen bonds cross any plane upwards as downwards, so both
    sides have the same number of dangling O-H.

    Parameters
    ----------
    face
        "basal" (0001), "prism" (10-10) or "secondary_prism" (11-20).
    repeats
        Cells of 16 molecules along x, y and z of the slab, edges at 0.930 g/cm3: basal 8.99 x 7.79 x 7.34 A
        (2 bilayers a cell), prism 7.34 x 8.99 x 7.79 A (4 planes), secondary prism 7.79 x 7.34 x 8.99 A (4 planes).
    vacuum
        Between the highest atom and the periodic image of the lowest, A.
    seed, water, density
        As in `ice_ih`.

    Returns
    -------
    Atoms
        As `ice_ih`, the slab in the middle of a cell that is periodic in x, y and z.

    Raises
    ------
    InputError
        An unknown face, a vacuum that is not positive, and whatever `ice_ih` refuses.
    """
    if face not in FACES:
        raise InputError(f"Ice Ih has no face {face!r} here; take one of {', '.join(FACES)}.")
    if not 0 < vacuum < np.inf:
        raise InputError(f"The vacuum above an ice slab must be positive, not {vacuum} A.")
    if len(repeats) != 3:
        raise InputError(f"Ice repeats {list(repeats)} must be three whole numbers of at least 1.")
    order = list(FACES[face])
    crystal = ice_ih([repeats[order.index(axis)] for axis in range(3)], seed, water, density)
    edges = crystal.cell.lengths()[order]
    molecules = crystal.positions[:, order].reshape(-1, 3, 3)
    height = molecules[:, :1, 2]
    cut = _widest_gap(height.ravel(), edges[2])
    molecules[:, :, 2] += (height - cut) % edges[2] - height
    crystal.positions = molecules.reshape(-1, 3)
    crystal.set_cell(edges)
    crystal.center(vacuum=vacuum / 2, axis=2)
    return crystal


def _network(repeats: list[int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fractional oxygen positions (n, 3), rotations (n, 3, 3) of molecules (rows), and unscaled edges (3,).

    A row vector v of a molecule whose hydrogens lie in its yz plane, its bisector along z, is v @ rotation in the ice.
    """
    check_seed(seed, "an ice")
    for draw in np.random.SeedSequence(seed).generate_state(TRIES):
        with _contained(int(draw)):
            raw = GenIce(Lattice(layers="hh"), reshape=np.diag(repeats)).generate_ice(Format(stage=[1, 5]))
        rotations = raw["rotmatrices"]
        # GenIce gives up on the dipole after 1000 draws, and says so only in its log
        if np.abs(rotations[:, 2].sum(axis=0)).max() < 1e-6:
            return raw["reppositions"], rotations, np.diag(raw["repcell"])
    raise RuntimeError(f"no network without a dipole found for repeats {repeats}, seed {seed}")


@contextmanager
def _contained(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, which GenIce draws from, and silence its loggers; put back both afterwards."""
    loggers = [logging.getLogger(), logging.getLogger("genice_core.compat")]  # the root logger: its own records only
    silenced = [logger.disabled for logger in loggers]
    state = np.random.get_state()  # noqa: NPY002
    try:
        for logger in loggers:
            logger.disabled = True
        np.random.seed(seed)  # noqa: NPY002
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        for logger, was in zip(loggers, silenced, strict=True):
            logger.disabled = was


def _widest_gap(heights: np.ndarray, period: float) -> float:
    """Middle of the widest gap between heights (n,) that repeat with a period; the first of equal ones."""
    planes = np.sort(heights % period)
    gaps = np.diff(planes, append=planes[0] + period)
    widest = np.flatnonzero(gaps > gaps.max() - 1e-3)[0]
    return planes[widest] + gaps[widest] / 2
