"""Rigid water outside an engine's own constraints: exact geometry, and thermal velocities that keep it."""

import numpy as np
from ase import Atoms
from ase.units import kB

from icescope.md.force_field import Water
from icescope.md.topology import fixed_atoms, water_molecules

VELOCITY = np.sqrt(9648.53321)  # A/ps of sqrt(eV/u): 1 eV = 9648.53321 u A^2/ps^2
BONDS = ((0, 1), (0, 2), (1, 2))  # O-H1, O-H2, H1-H2


def snap_water(positions: np.ndarray, molecules: np.ndarray, water: Water) -> np.ndarray:
    """Give each molecule the model's exact geometry, with its oxygen, bisector and plane as they are.

    Parameters
    ----------
    positions
        (atom, 3), A, molecules whole.
    molecules
        Indices (molecule, 3) of O, H, H.
    water
        The model.

    Returns
    -------
    ndarray
        Positions (atom, 3), A.
    """
    oxygen, one, other = np.moveaxis(positions[molecules], 1, 0)
    along = _unit(one + other - 2 * oxygen)
    across = one - other
    across = _unit(across - along * (along * across).sum(axis=1, keepdims=True))
    half = np.radians(water.angle / 2)
    snapped = positions.copy()
    snapped[molecules[:, 1]] = oxygen + water.bond * (np.cos(half) * along + np.sin(half) * across)
    snapped[molecules[:, 2]] = oxygen + water.bond * (np.cos(half) * along - np.sin(half) * across)
    return snapped


def thermal_velocities(atoms: Atoms, positions: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """Draw Maxwell-Boltzmann velocities that leave the distances within each molecule as they are.

    The part of free atoms' velocities that stretches a molecule is projected out, v - M^-1 J^T (J M^-1 J^T)^-1 J v
    with J the gradients of its three distances; what is left is distributed as in a rigid molecule.

    Parameters
    ----------
    atoms
        Kinds of the atoms, and which are fixed.
    positions
        (atom, 3), A, molecules whole.
    temperature
        K.
    seed
        Of the draw.

    Returns
    -------
    ndarray
        Velocities (atom, 3), A/ps; 0 for fixed atoms.
    """
    masses = atoms.get_masses()
    scale = VELOCITY * np.sqrt(kB * temperature / masses)
    velocities = np.random.default_rng(seed).normal(size=positions.shape) * scale[:, None]
    molecules = water_molecules(atoms.get_chemical_symbols())
    if len(molecules):
        gradients = np.zeros((len(molecules), len(BONDS), 3, 3))  # molecule, bond, atom, xyz
        for bond, (one, other) in enumerate(BONDS):
            gradients[:, bond, one] = positions[molecules[:, one]] - positions[molecules[:, other]]
            gradients[:, bond, other] = -gradients[:, bond, one]
        weighted = gradients / masses[molecules][:, None, :, None]
        stretching = np.einsum("mbax,max->mb", gradients, velocities[molecules])
        coupling = np.einsum("mbax,mcax->mbc", weighted, gradients)
        impulses = np.linalg.solve(coupling, stretching[..., None])[..., 0]
        velocities[molecules] -= np.einsum("mb,mbax->max", impulses, weighted)
    velocities[fixed_atoms(atoms)] = 0
    return velocities


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
