"""What the outermost bilayer of ice is at a temperature: crystalline, amorphous or quasi-liquid.

Tang et al. 2025 describe an amorphous ice layer, a disordered two-dimensional network of hydrogen bonds with solid-like
dynamics, but their criteria are not public. Ours, chosen before any run was looked at:

- disordered: a mean h6 (`rings.hexagonal_order`) below 0.75, halfway from a sheet of hexagons to one of pentagons and
  heptagons;
- liquid-like: a molecule would diffuse the distance to its neighbour along the surface within 1 ns.
"""

import numpy as np
import pandas as pd

from icescope.premelting.layers import DIRECTIONS

ORDERED = 0.75  # h6, the least of a crystalline bilayer
NEIGHBOUR = 2.76  # A, between neighbouring oxygens
LIFETIME = 1000.0  # ps
MOBILE = NEIGHBOUR**2 / (4 * LIFETIME)  # A^2/ps, the least of a liquid-like bilayer
CRYSTAL, AMORPHOUS, LIQUID = "crystalline", "amorphous", "quasi-liquid"
RESAMPLES = 1000
INTERVAL = [2.5, 97.5]  # percentiles
MEASURES = {"hexagonal_order": ORDERED, "diffusion_A2_per_ps": MOBILE}


def branch(table: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Rows on the way up or down, by the columns direction and temperature_K; both have the highest hold."""
    return table[(table.direction == direction) | (table.temperature_K == table.temperature_K.max())]


def surface_states(layers: pd.DataFrame, seed: int) -> pd.DataFrame:
    """State of each depth at each temperature of both directions.

    Parameters
    ----------
    layers
        From `layers.layer_table`, of several slabs with a column "slab".
    seed
        Of the bootstrap over surfaces: both sides of every slab.

    Returns
    -------
    Rows by direction, depth and temperature_K: means of the measures with the bounds "... low" and "... high" of their
    95 % intervals over surfaces, "state", and "certain": whether both intervals leave no other state.
    """
    rows = []
    for direction in DIRECTIONS:
        for depth in sorted(set(layers.depth)):
            table = branch(layers[layers.depth == depth], direction)
            drawn, measured = _drawn(table, seed), {name: _by_surface(table, name) for name in MEASURES}
            for temperature in sorted(set(table.temperature_K)):
                row = {"direction": direction, "depth": depth, "temperature_K": temperature}
                for name, by_surface in measured.items():
                    values = by_surface.loc[temperature].to_numpy()
                    low, high = np.percentile(values[drawn].mean(axis=1), INTERVAL)
                    row |= {name: values.mean(), f"{name} low": low, f"{name} high": high}
                ends = {
                    _state(row[f"hexagonal_order {one}"], row[f"diffusion_A2_per_ps {two}"])
                    for one in ("low", "high")
                    for two in ("low", "high")
                }
                state = _state(row["hexagonal_order"], row["diffusion_A2_per_ps"])
                rows.append(row | {"state": state, "certain": len(ends) == 1})
    return pd.DataFrame(rows).set_index(["direction", "depth", "temperature_K"]).sort_index()


def amorphous_bounds(layers: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Temperatures between which the outermost bilayer is amorphous, on the way up and down.

    Returns
    -------
    Rows by direction and bound ("lower", above which the bilayer is disordered, and "upper", above which it is
    liquid-like); columns temperature_K, low and high of its 95 % interval over surfaces. Between holds the measures are
    interpolated; -inf and inf stand for a bound below the lowest hold and above the highest. The layer is amorphous
    nowhere if "upper" is below "lower".
    """
    rows = []
    for direction in DIRECTIONS:
        table = branch(layers[layers.depth == 0], direction)
        drawn = _drawn(table, seed)
        for bound, (name, level) in zip(("lower", "upper"), MEASURES.items(), strict=True):
            values = _by_surface(table, name)
            kelvin, sign = values.index.to_numpy(float), -1 if name == "hexagonal_order" else 1
            curves = sign * np.concatenate([values.to_numpy().mean(1)[None], values.to_numpy()[:, drawn].mean(2).T])
            crossings = [crossing(kelvin, curve, sign * level) for curve in curves]
            low, high = np.percentile(crossings[1:], INTERVAL, method="nearest")
            rows.append((direction, bound, crossings[0], low, high))
    columns = ["direction", "bound", "temperature_K", "low", "high"]
    return pd.DataFrame(rows, columns=columns).set_index(["direction", "bound"])


def crossing(kelvin: np.ndarray, values: np.ndarray, level: float) -> float:
    """Temperature, K, above which values stay above a level, linear between rising temperatures.

    -inf if all are above it, inf if the last is not. What rises above it for a while at lower ones is noise.
    """
    below = np.flatnonzero(values <= level)
    if not len(below):
        return -np.inf
    last = below[-1]
    if last == len(values) - 1:
        return np.inf
    before, after = values[last : last + 2]
    return float(kelvin[last] + (level - before) / (after - before) * (kelvin[last + 1] - kelvin[last]))


def _state(hexagonal_order: float, diffusion: float) -> str:
    if hexagonal_order >= ORDERED:
        return CRYSTAL
    return LIQUID if diffusion > MOBILE else AMORPHOUS


def _by_surface(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A measure by temperature (rows) and surface (columns)."""
    return table.pivot(index="temperature_K", columns=["slab", "side"], values=name)


def _drawn(table: pd.DataFrame, seed: int) -> np.ndarray:
    """Numbers of surfaces (resamples, surfaces), drawn with replacement."""
    count = len(table[["slab", "side"]].drop_duplicates())
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
