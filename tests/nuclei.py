"""A made-up compression for the tests: spheres of HDA that are born, grow and merge in LDA."""

import numpy as np

from icescope.structures.ice import ice_ih

TRANSITION = 0.7  # GPa, near which half of the molecules are HDA
SPEED = 45.0  # A/GPa, of the radius of a sphere
SOFT = 0.35  # A, of the distance to a surface over which the odds change by e


def compression(frames: int, repeats: tuple[int, int, int], seed: int) -> dict[str, np.ndarray]:
    """Positions (A), cells (A), pressures (GPa, 0 to 1.6), probabilities of two phases and of three, frame by frame."""
    rng = np.random.default_rng(seed)
    ice = ice_ih(repeats, seed=1)
    oxygens = ice[ice.symbols == "O"]
    pressures = np.linspace(0, 1.6, frames)
    birth = rng.normal(TRANSITION - 0.15, 0.07, len(oxygens) // 60)
    centre = rng.uniform(size=(len(birth), 3))
    noise = rng.normal(scale=1.5, size=len(oxygens))  # some molecules are always harder to tell
    made: dict[str, list[np.ndarray]] = {name: [] for name in ("positions", "cells", "two", "three")}
    for pressure in pressures:
        # From 0.95 to 1.25 g/cm3, most of it at the transition.
        rho = 1.02 + 0.08 * pressure + 0.1 * np.tanh((pressure - TRANSITION) / 0.1)
        cell = oxygens.cell[:] * (0.93 / rho) ** (1 / 3)
        places = oxygens.get_scaled_positions() + rng.normal(scale=0.004, size=(len(oxygens), 3))
        gap = places[:, None] - centre
        distance = np.linalg.norm((gap - np.round(gap)) @ cell, axis=2)
        inside = (SPEED * (pressure - birth).clip(min=0) - distance).max(1)
        odds = inside / SOFT + noise + rng.normal(size=len(oxygens))
        hda = 1 / (1 + np.exp(-odds.clip(-50, 50)))
        mda = 1.6 * np.sqrt(hda * (1 - hda))
        three = np.stack([1 - hda, mda, hda], 1)
        made["positions"].append(places @ cell + 5)
        made["cells"].append(cell)
        made["two"].append(np.stack([1 - hda, hda], 1))
        made["three"].append(three / three.sum(1, keepdims=True))
    return {name: np.array(values) for name, values in made.items()} | {"pressures": pressures}
