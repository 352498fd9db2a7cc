"""Hydrated ions on a surface: Na+.nH2O and K+.nH2O on NaCl(001), on Au(111), or alone.

Tang et al. 2023 (nwac282) take Na+.nH2O with n = 3 and 4 on NaCl(001) as the simple hydrates, more than four waters as
the complex ones, with waters around the ion and above it, and K+ hydrates on Au(111). Their text does not name the
ion's site: here it starts above a Cl-, where the crystal would go on, or in an fcc hollow of the metal, and
`icescope.structures.hydrate_relaxation` moves it to where the forces take it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from scipy.spatial.transform import Rotation

from icescope.errors import InputError
from icescope.md.force_field import metals, species_table
from icescope.structures.molecule import rigid_water
from icescope.structures.slab import metal_slab, nacl_slab
from icescope.structures.whole import check_seed, is_whole

MOST = 20  # molecules
WATER = "spce"  # that the Joung-Cheatham ions are made for
SUBSTRATE, ION, MOLECULE = 0, 1, 2  # tags

AROUND = 4  # waters beside the ion; a fifth of the first shell stands above it, all others in a second shell
TILT_AROUND, TILT_ABOVE = (60, 100), (0, 35)  # degrees, of M-O from the surface normal
WOBBLE = 25  # degrees, at most, between M-O and the axis of a molecule of the first shell
HYDROGEN_BOND = 2.8  # A, O-O
OXYGEN_GAP = 2.6  # A, closest of two oxygens at the start
OTHER_GAP = 1.6  # A, closest of a hydrogen and any atom of another molecule
LOWEST = np.array([2.2, 1.6, 1.6])  # A, of O, H, H above the topmost plane
TRIES, RESTARTS = 200, 200
ABOVE = 1.5  # A over the ion; of 106 waters in 20 relaxed hydrates none ended between 1.0 and 1.8 A


@dataclass(frozen=True)
class Ion:
    """`bond`: M-O at the start; `shell`: outer bound of the first shell of waters; `height` above a substrate; A."""

    bond: float
    shell: float
    height: dict[str, float]


# M-O of the first shell in water is 2.4 (Na+) and 2.8 A (K+) (Marcus, Chem. Rev. 88, 1475 (1988)); the first minimum
# of g(M-O) is near 3.2 and 3.6 A.
IONS = {
    "Na": Ion(bond=2.4, shell=3.2, height={"NaCl": 2.7, "Au": 2.6}),
    "K": Ion(bond=2.75, shell=3.6, height={"NaCl": 3.1, "Au": 2.9}),
}


def hydrate(
    ion: str,
    n: int,
    substrate: str | None,
    seed: int,
    repeats: Sequence[int] | None = None,
    layers: int = 3,
    vacuum: float = 25.0,
    free_layers: int = 0,
) -> Atoms:
    """Build an ion with n waters above the middle of a surface, a start for `relax_hydrate`.

    Up to four waters stand around the ion, a fifth above it, with their oxygens towards it and turned at random; each
    further one accepts a hydrogen bond of one that is there already, chosen at random, and so may end up around or
    above. All are in the half space above the surface.

    Parameters
    ----------
    ion
        "Na" or "K".
    n
        Waters, 1 to 20.
    substrate
        "NaCl" for NaCl(001), "Au" for Au(111), None for an ion without a surface, its waters on all sides.
    seed
        Seed of all places and orientations.
    repeats
        Cells along x and y as `nacl_slab` and `metal_slab` count them; 5 x 5 (28.2 A) of NaCl and 10 x 6 (28.8 x
        30.0 A) of Au when not given. Without a substrate the cell is a cube of 30 A.
    layers
        Atomic layers of the substrate, at least 3 of Au.
    vacuum
        Between the highest atom and the periodic image of the slab, A.
    free_layers
        Layers of NaCl, from the top, that may move; all others, and a metal, are under a `FixAtoms`.

    Returns
    -------
    Atoms
        Substrate, ion, then O, H, H molecule by molecule, whole, with the charges of the substrate, the ion (+1 e) and
        SPC/E; tags SUBSTRATE, ION and MOLECULE; `info["charge"]` is +1, of the whole. Topmost plane of the substrate
        at z = 0; periodic in x, y and z.

    Raises
    ------
    InputError
        Another ion or substrate, n or the seed out of bounds, a slab too small or too thin, a vacuum that is not
        positive, or free layers that are not there.
    """
    kind = _checked(ion, n, substrate, layers, vacuum, free_layers)
    check_seed(seed, "a hydrate")
    n = int(n)
    slab = _substrate(substrate, repeats, layers, free_layers)
    rng = np.random.default_rng(seed)
    centre = _site(slab, substrate, kind)
    on_surface = substrate is not None
    if on_surface and slab.cell.lengths()[:2].min() < 2 * kind.shell + 10:
        edges = " x ".join(f"{edge:.1f}" for edge in slab.cell.lengths()[:2])
        raise InputError(f"A slab of {edges} A is too small for a hydrate; raise its repeats.")
    for _ in range(RESTARTS):
        molecules = _first_shell(centre, min(n, AROUND + 1), kind, on_surface, rng)
        if molecules is not None and _grow(molecules, n, centre, kind, on_surface, rng):
            break
    else:
        raise RuntimeError(f"no free place for {n} waters around {ion}+")
    table = species_table(WATER)
    atoms = slab + Atoms([ion], [centre], charges=[table[ion].charge], tags=[ION])
    _, charges = rigid_water(WATER)
    water = Atoms("OHH" * n, np.concatenate(molecules), charges=np.tile(charges, n), tags=MOLECULE)
    atoms += water
    if on_surface:
        low, high = atoms.positions[:, 2].min(), atoms.positions[:, 2].max()
        atoms.cell[2] = [0, 0, high - low + vacuum]
    atoms.set_pbc(True)
    atoms.info = {"charge": 1}
    return atoms


def without_substrate(atoms: Atoms) -> Atoms:
    """The ion and its waters alone, as the DFT and AFM steps take them; not periodic, `info["charge"]` +1.

    Parameters
    ----------
    atoms
        As `hydrate` or `relax_hydrate` give it: tags SUBSTRATE, ION, MOLECULE.
    """
    alone = atoms[atoms.get_tags() != SUBSTRATE]
    alone.set_constraint()
    alone.set_pbc(False)
    alone.info = {"charge": 1}
    return alone


def ion_oxygen_distances(atoms: Atoms) -> np.ndarray:
    """Distances (molecule,) of the ion and each water's oxygen, nearest image, A."""
    tags = atoms.get_tags()
    return atoms.get_distances(int(np.flatnonzero(tags == ION)[0]), np.flatnonzero(tags == MOLECULE)[::3], mic=True)


def first_shell(atoms: Atoms) -> np.ndarray:
    """Which waters (molecule,) are in the first shell of the ion: M-O below 3.2 A (Na+) or 3.6 A (K+)."""
    symbol = atoms[atoms.get_tags() == ION].get_chemical_symbols()[0]
    return ion_oxygen_distances(atoms) < IONS[symbol].shell


def waters_above(atoms: Atoms) -> np.ndarray:
    """Which atoms (n,) are of waters above the ion, their oxygen more than ABOVE over it; other waters are around it.

    Parameters
    ----------
    atoms
        One ion and its waters, A, without a substrate, with an array "molecule".

    Raises
    ------
    InputError
        No ion, or several.
    """
    ion = np.flatnonzero(~np.isin(atoms.numbers, [1, 8]))
    if len(ion) != 1:
        raise InputError(f"waters are around or above one ion, but this structure has {len(ion)}.")
    molecule = atoms.get_array("molecule")
    high = (atoms.numbers == 8) & (atoms.positions[:, 2] - atoms.positions[ion[0], 2] > ABOVE)
    return np.isin(molecule, molecule[high])


def _checked(ion: str, n: int, substrate: str | None, layers: int, vacuum: float, free_layers: int) -> Ion:
    """The ion's numbers, once all that can be checked at once is."""
    if ion not in IONS:
        raise InputError(f"There is no hydrate of {ion!r}; take one of {', '.join(IONS)}.")
    if not is_whole(n) or n > MOST:
        raise InputError(f"A hydrate has 1 to {MOST} waters, not {n}.")
    if substrate not in (None, "NaCl", "Au"):
        raise InputError(f"There is no substrate {substrate!r} for a hydrate; take NaCl, Au or none.")
    if substrate == "Au" and layers < 3:
        raise InputError(f"Au(111) under a hydrate needs at least 3 layers, not {layers}.")
    if not 0 < vacuum < np.inf:
        raise InputError(f"The vacuum above a hydrate must be positive, not {vacuum} A.")
    if not is_whole(free_layers, least=0) or not free_layers <= (layers if substrate == "NaCl" else 0):
        raise InputError(f"{free_layers} free layers are not possible with {layers} layers of {substrate}.")
    return IONS[ion]


def _substrate(substrate: str | None, repeats: Sequence[int] | None, layers: int, free_layers: int) -> Atoms:
    """The slab, tagged, with the layers that stay fixed; empty in a cube where there is none."""
    if substrate is None:
        return Atoms(cell=[30.0, 30.0, 30.0])
    if substrate == "NaCl":
        slab = nacl_slab((5, 5) if repeats is None else repeats, layers)
    else:
        slab = metal_slab("Au", (10, 6) if repeats is None else repeats, layers)
    slab.set_tags(SUBSTRATE)
    depth = np.unique(-slab.positions[:, 2].round(3), return_inverse=True)[1]
    slab.set_constraint(FixAtoms(mask=depth >= free_layers))
    return slab


def _site(slab: Atoms, substrate: str | None, kind: Ion) -> np.ndarray:
    """Where the ion starts (3,), A: above a Cl- or in an fcc hollow (above the third layer), nearest the middle."""
    middle = slab.cell.lengths() / 2
    if substrate is None:
        return middle
    plane = np.unique(slab.positions[:, 2].round(3))[-3 if substrate in metals() else -1]
    sites = slab.positions[np.abs(slab.positions[:, 2] - plane) < 0.1]
    if substrate == "NaCl":
        symbols = np.array(slab.get_chemical_symbols())[np.abs(slab.positions[:, 2] - plane) < 0.1]
        sites = sites[symbols == "Cl"]
    nearest = sites[np.linalg.norm(sites[:, :2] - middle[:2], axis=1).argmin()]
    return np.array([*nearest[:2], kind.height[substrate]])


def _first_shell(
    centre: np.ndarray, count: int, kind: Ion, on_surface: bool, rng: np.random.Generator
) -> list[np.ndarray] | None:
    """Molecules (3, 3) around the ion and one above it, A; None where they jam."""
    molecules = []
    for place in range(count):
        tilt = TILT_ABOVE if place == AROUND else TILT_AROUND
        for _ in range(TRIES):
            cosine = rng.uniform(*np.cos(np.radians(tilt))[::-1]) if on_surface else rng.uniform(-1, 1)
            azimuth, sine = rng.uniform(0, 2 * np.pi), np.sqrt(1 - cosine**2)
            outward = np.array([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])
            axis = Rotation.random(rng=rng).apply(outward) * np.tan(np.radians(rng.uniform(0, WOBBLE))) + outward
            molecule = centre + kind.bond * outward + _turned(axis, rng)
            if _fits(molecule, molecules, on_surface):
                molecules.append(molecule)
                break
        else:
            return None
    return molecules


def _grow(
    molecules: list[np.ndarray], n: int, centre: np.ndarray, kind: Ion, on_surface: bool, rng: np.random.Generator
) -> bool:
    """Append waters that accept a hydrogen bond until there are n; False where none finds a place."""
    while len(molecules) < n:
        for _ in range(TRIES):
            donor = molecules[rng.integers(len(molecules))]
            bond = donor[rng.integers(1, 3)] - donor[0]
            oxygen = donor[0] + HYDROGEN_BOND * bond / np.linalg.norm(bond)
            molecule = oxygen + _turned(rng.normal(size=3), rng)
            if np.linalg.norm(oxygen - centre) > kind.shell and _fits(molecule, molecules, on_surface):
                molecules.append(molecule)
                break
        else:
            return False
    return True


def _turned(axis: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A molecule (3, 3), A, O at the origin, its bisector along an axis (3,), turned about it at random."""
    molecule, _ = rigid_water(WATER)
    spin = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi))
    align = Rotation.align_vectors([axis / np.linalg.norm(axis)], [[0, 0, 1]])[0]
    return (align * spin).apply(molecule)


def _fits(molecule: np.ndarray, others: list[np.ndarray], on_surface: bool) -> bool:
    """Whether a molecule (3, 3) is above the surface and overlaps no other."""
    if on_surface and (molecule[:, 2] < LOWEST).any():
        return False
    if not others:
        return True
    placed = np.array(others)
    gaps = np.linalg.norm(molecule[:, None] - placed.reshape(-1, 3), axis=-1)
    return gaps.min() >= OTHER_GAP and np.linalg.norm(molecule[0] - placed[:, 0], axis=-1).min() >= OXYGEN_GAP
