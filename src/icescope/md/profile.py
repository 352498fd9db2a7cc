"""Density of the water across a film."""

from pathlib import Path

import numpy as np
import pandas as pd
from ase.data import atomic_masses

from icescope.md.thermodynamics import GRAM_PER_CM3
from icescope.md.trajectory import film_indices, open_film

BIN = 0.1  # A
WATER_MASS = atomic_masses[8] + 2 * atomic_masses[1]  # u


def density_profile(topology: str | Path, trajectory: str | Path) -> pd.DataFrame:
    """Density of the oxygens along z, mean over all frames and the cell's area.

    rho(z) = <N(z, z + dz)> / (A dz); the mass density puts each molecule's mass on its oxygen.

    Returns
    -------
    DataFrame
        `z_A` (middle of the bin, above the topmost metal plane), `oxygen_density_per_A3`,
        `mass_density_g_per_cm3`; the bins cover the cell from the topmost metal plane up.

    Raises
    ------
    InputError
        A file cannot be read or holds no film.
    """
    universe = open_film(topology, trajectory)
    oxygens, metal = film_indices(universe)
    width, depth, height = universe.dimensions[:3]
    edges = np.arange(0, height + BIN, BIN)
    counts = np.zeros(len(edges) - 1)
    for frame in universe.trajectory:
        z = frame.positions[:, 2]
        counts += np.histogram(z[oxygens] - z[metal].max(), bins=edges)[0]
    density = counts / (len(universe.trajectory) * width * depth * BIN)
    return pd.DataFrame(
        {
            "z_A": (edges[:-1] + edges[1:]) / 2,
            "oxygen_density_per_A3": density,
            "mass_density_g_per_cm3": density * WATER_MASS * GRAM_PER_CM3,
        }
    )
