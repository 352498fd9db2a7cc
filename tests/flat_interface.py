"""A made-up slab of HDA between LDA, with interfaces of known place and width."""

import numpy as np

LENGTHS = np.array([120.0, 45.0, 45.0])  # A
WIDTH = 3.74  # A: 11 A from 5 to 95 %
MOLECULES = 8000
LOW, HIGH = 0.02, 0.98  # probability of HDA in LDA and in HDA


def places(seed: int) -> np.ndarray:
    """(MOLECULES, 3) at random in the cell, A."""
    return np.random.default_rng(seed).uniform(0, 1, (MOLECULES, 3)) * LENGTHS


def share(x: np.ndarray, left: float, right: float, width: float = WIDTH) -> np.ndarray:
    """Share of HDA at x, images included."""
    images = x[..., None] + [-LENGTHS[0], 0, LENGTHS[0]]
    return ((np.tanh((images - left) / width) - np.tanh((images - right) / width)) / 2).sum(-1)


def frozen(left: float, right: float, seed: int, frames: int = 1, width: float = WIDTH):
    """Probabilities, positions and cells of a solid: each molecule is LDA or HDA for good, and only trembles."""
    rng = np.random.default_rng(seed)
    sites = places(seed)
    hda = rng.uniform(size=MOLECULES) < share(sites[:, 0], left, right, width)
    probability = np.where(hda, HIGH, LOW)
    positions = sites + rng.normal(scale=0.1, size=(frames, MOLECULES, 3))
    return np.tile(probability, (frames, 1)), positions, cells(frames)


def cells(frames: int, along_x: float = 1.0) -> np.ndarray:
    """(frames, 3, 3), shrunk along x."""
    return np.tile(np.diag(LENGTHS * [along_x, 1, 1]), (frames, 1, 1))
