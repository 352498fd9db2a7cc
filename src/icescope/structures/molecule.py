"""Molecules of water: a rigid one as the builders place it, and those that a cell's faces cut, made whole."""

import numpy as np

from icescope.md.force_field import water_model


def rigid_water(water: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions (3, 3), A, and charges (3,), e, of O, H, H of a water model.

    O is at the origin, the hydrogens lie in the yz plane, and the bisector of their angle is along z. The charge of a
    site M counts as its oxygen's, so that the molecule is neutral.

    Raises
    ------
    InputError
        There is no such water model.
    """
    model = water_model(water)
    half = np.radians(model.angle / 2)
    across, along = model.bond * np.sin(half), model.bond * np.cos(half)
    positions = np.array([[0, 0, 0], [0, across, along], [0, -across, along]])
    return positions, np.array([model.charge_o + model.charge_m, model.charge_h, model.charge_h])


def whole_molecules(molecules: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Molecules (n, 3, 3), A, O first, with their hydrogens at the nearest images in a cell of edges (3,), A."""
    arms = molecules - molecules[:, :1]
    return molecules - edges * np.round(arms / edges)
