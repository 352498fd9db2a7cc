"""Small water structures for the tests."""

import numpy as np
from ase import Atoms

CHARGES = [-0.8476, 0.4238, 0.4238]


def molecule(rng: np.random.Generator) -> np.ndarray:
    """Positions (3, 3) of one SPC/E molecule, O at the origin, turned at random, A."""
    half = np.radians(109.47 / 2)
    flat = np.array([[0, 0, 0], [np.sin(half), 0, np.cos(half)], [-np.sin(half), 0, np.cos(half)]])
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return flat @ turn


def layer(side: int, seed: int, spacing: float = 3.0, roughness: float = 0.8) -> Atoms:
    """side x side molecules on a square lattice, turned at random, of uneven height, A; periodic in x and y."""
    rng = np.random.default_rng(seed)
    positions = [
        molecule(rng) + [spacing * (i + 0.5), spacing * (j + 0.5), rng.uniform(-roughness, roughness)]
        for i in range(side)
        for j in range(side)
    ]
    return Atoms(
        ["O", "H", "H"] * side**2,
        np.concatenate(positions),
        charges=CHARGES * side**2,
        cell=[spacing * side, spacing * side, 20],
        pbc=[True, True, False],
    )
