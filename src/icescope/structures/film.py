"""Water films on metal and salt surfaces: the vapour-liquid-solid cell that the dynamics starts from."""

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from icescope.errors import InputError
from icescope.md.force_field import HOH_ANGLE, OH_BOND
from icescope.structures.molecule import rigid_water
from icescope.structures.slab import metal_slab
from icescope.structures.whole import check_seed, is_whole

SITE_SPACING = 3.1  # A, lattice that molecules start on: 1.0 g/cm3
FIRST_LAYER = 3.0  # A, first oxygens above the topmost metal plane
CLOSEST = 1.5  # A, between atoms of different molecules (the hydrogen bond is 1.8 A)
TRIES = 200


def water_film(metal: str, repeats: list[int], layers: int, coverage: float, vapour: float, seed: int) -> Atoms:
    """Build an fcc(111) slab with rigid SPC/E water above it, periodic in x, y and z.

    Parameters
    ----------
    metal
        Chemical symbol; a row with a lattice constant a in a force field table.
    repeats
        Rectangular cells, a/sqrt(2) by a sqrt(3/2), along x and along y (two atoms a layer in each).
    layers
        Metal layers.
    coverage
        Water, molecules/nm2, rounded to whole molecules.
    vapour
        Vacuum between the top of the film and the periodic image of the slab, A.
    seed
        Seed of the orientations and of the vacant sites of the last layer.

    Returns
    -------
    Atoms
        Metal first, then O, H, H molecule by molecule, with SPC/E charges as initial charges.
        z = 0 is the topmost metal plane, the slab lies at z <= 0, and the water is at z > 0.

    Raises
    ------
    InputError
        Unknown metal; a size that is not positive and finite; no whole molecule; a seed out of bounds.
    """
    if len(repeats) != 2 or not all(is_whole(count) for count in (*repeats, layers)):
        raise InputError(
            f"films.repeats {repeats} and films.layers {layers} must be two and one whole numbers of at least 1."
        )
    return cover(metal_slab(metal, repeats, layers), coverage, vapour, seed)


def cover(slab: Atoms, coverage: float, vapour: float, seed: int) -> Atoms:
    """Put a film of rigid SPC/E water on a slab of `icescope.structures.slab`, metal or salt.

    Parameters and returned value are those of `water_film`, with the slab's atoms, and their charges, first.

    Raises
    ------
    InputError
        A coverage or a vapour that is not positive and finite; no whole molecule; a slab that is too small for water;
        a seed out of bounds.
    """
    check_seed(seed, "a film")
    if not 0 < coverage < np.inf or not 0 < vapour < np.inf:
        raise InputError(
            f"Water coverage {coverage} molecules/nm2 and films.vapour {vapour} A must be positive and finite."
        )
    width, depth = slab.cell.lengths()[:2]
    molecules = round(coverage * width * depth / 100)
    if molecules < 1:
        raise InputError(
            f"Water coverage {coverage} molecules/nm2 gives no whole molecule on {width:.1f} x {depth:.1f} A."
        )
    if min(width, depth) < 2 * SITE_SPACING:
        raise InputError(f"The slab's cell, {width:.1f} x {depth:.1f} A, is too small for water; raise films.repeats.")
    rng = np.random.default_rng(seed)
    sites = _sites(width, depth, molecules, rng)
    water = _orient(sites, width, depth, rng)
    height = sites[:, 2].max() + OH_BOND + vapour - slab.positions[:, 2].min()
    _, charges = rigid_water("spce")
    film = slab + Atoms("OHH" * molecules, water.reshape(-1, 3), charges=np.tile(charges, molecules))
    film.set_cell([width, depth, height])
    film.set_pbc(True)
    return film


def _sites(width: float, depth: float, molecules: int, rng: np.random.Generator) -> np.ndarray:
    """Oxygen positions (molecule, 3), A: a simple cubic lattice filled from below, its last layer at random."""
    across = [int(width // SITE_SPACING), int(depth // SITE_SPACING)]
    in_layer = across[0] * across[1]
    full, rest = divmod(molecules, in_layer)
    filled = [np.arange(in_layer)] * full + [np.sort(rng.permutation(in_layer)[:rest])]
    layer = np.repeat(np.arange(full + 1), [len(cells) for cells in filled])
    row, column = np.divmod(np.concatenate(filled), across[0])
    return np.stack(
        [
            (column + 0.5) * width / across[0],
            (row + 0.5) * depth / across[1],
            FIRST_LAYER + SITE_SPACING * layer,
        ],
        axis=1,
    )


def _orient(sites: np.ndarray, width: float, depth: float, rng: np.random.Generator) -> np.ndarray:
    """Turn a molecule at each site at random so that no two come closer than CLOSEST; (molecule, 3, 3), A."""
    half = np.radians(HOH_ANGLE / 2)
    hydrogens = OH_BOND * np.array([[np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]])
    span = np.array([width, depth])
    placed = np.repeat(sites[:, None], 3, axis=1)  # hydrogens still on their oxygen
    for molecule, site in enumerate(sites):
        gap = sites - site
        gap[:, :2] -= span * np.round(gap[:, :2] / span)
        near = np.linalg.norm(gap, axis=1) < 2 * SITE_SPACING
        near[molecule] = False
        others = (placed[near] - sites[near][:, None] + gap[near][:, None]).reshape(-1, 3)
        for _ in range(TRIES):
            arms = Rotation.random(rng=rng).apply(hydrogens)
            distance = np.linalg.norm(arms[:, None] - others, axis=-1)
            if distance.min(initial=np.inf) >= CLOSEST:
                break
        else:
            raise RuntimeError("no free orientation for a molecule of the starting film")
        placed[molecule, 1:] = site + arms
    return placed
