"""Small clusters for the tests."""

import numpy as np
from ase import Atoms

ORIGIN = np.array([0.3, -0.2, 0.5])


def water() -> Atoms:
    """One molecule, 0.9572 A and 104.5 degrees, its dipole along +z."""
    half = np.radians(104.5 / 2)
    arm = 0.9572 * np.array([np.sin(half), 0, np.cos(half)])
    return Atoms("OH2", ORIGIN + np.array([[0, 0, 0], arm, arm * [-1, 1, 1]]))


def sodium_waters(count: int) -> Atoms:
    """Na+ with molecules at 2.35 A around it, hydrogens away from it and turned, each at its own height."""
    atoms = Atoms("Na", [ORIGIN])
    half = np.radians(52.25)
    for number in range(count):
        turn, tilt = 2 * np.pi * number / count + 0.2, 0.9 * number + 0.3
        out = np.array([np.cos(turn), np.sin(turn), 0.15 * number])
        out /= np.linalg.norm(out)
        side = np.cross([0, 0, 1], out)
        side /= np.linalg.norm(side)
        side = np.cos(tilt) * side + np.sin(tilt) * np.cross(out, side)
        arms = [0.9572 * (np.cos(half) * out + sign * np.sin(half) * side) for sign in (1, -1)]
        atoms += Atoms("OH2", ORIGIN + 2.35 * out + np.array([np.zeros(3), *arms]))
    return atoms
