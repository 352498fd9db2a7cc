"""States and bounds of the amorphous layer from curves whose crossings are known by hand."""

import numpy as np
import pandas as pd
import pytest

from icescope.premelting.states import MOBILE, ORDERED, amorphous_bounds, crossing, surface_states

KELVIN = [100.0, 140.0, 180.0, 220.0]


def layers(order, diffusion, cooled_order=None, spread=0.0, slabs=3) -> pd.DataFrame:
    """Layers of some slabs with these curves over KELVIN, each surface off by its own part of `spread`."""
    rng = np.random.default_rng(2)
    rows = []
    for slab in range(slabs):
        for side in ("lower", "upper"):
            off = spread * rng.normal()
            for direction, curve in (("heating", order), ("cooling", cooled_order or order)):
                for kelvin, h6, mobility in list(zip(KELVIN, curve, diffusion, strict=True))[
                    : len(KELVIN) - (direction == "cooling")
                ]:
                    for depth, value in ((0, h6 + off), (1, 1.0)):
                        rows.append((slab, side, direction, kelvin, depth, value, mobility * MOBILE))
    columns = ["slab", "side", "direction", "temperature_K", "depth", "hexagonal_order", "diffusion_A2_per_ps"]
    return pd.DataFrame(rows, columns=columns)


def test_bounds_lie_where_the_curves_cross():
    table = layers([0.95, 0.85, 0.65, 0.3], [0.0, 0.2, 0.5, 2.5])
    bounds = amorphous_bounds(table, seed=1)
    assert bounds.loc[("heating", "lower"), "temperature_K"] == pytest.approx(160)
    assert bounds.loc[("heating", "upper"), "temperature_K"] == pytest.approx(190)
    assert bounds.low.equals(bounds.temperature_K)  # surfaces that are alike leave no doubt
    states = surface_states(table, seed=1)
    assert states.loc["heating", 0].state.tolist() == ["crystalline", "crystalline", "amorphous", "quasi-liquid"]
    assert states.certain.all()
    assert set(states.loc["heating", 1].state) == {"crystalline"}


def test_way_down_begins_with_the_highest_hold():
    table = layers([0.95, 0.9, 0.85, 0.3], [0.0, 0.0, 0.0, 2.0], cooled_order=[0.5, 0.5, 0.5, np.nan])
    states = surface_states(table, seed=1)
    assert states.loc["cooling", 0].state.tolist() == ["amorphous", "amorphous", "amorphous", "quasi-liquid"]
    bounds = amorphous_bounds(table, seed=1)
    assert bounds.loc[("cooling", "lower"), "temperature_K"] == -np.inf
    assert bounds.loc[("cooling", "upper"), "temperature_K"] == pytest.approx(200)


def test_what_is_not_reached_is_said():
    bounds = amorphous_bounds(layers([0.9] * 4, [0.1] * 4), seed=1)
    assert (bounds == np.inf).to_numpy().all()


def test_intervals_are_over_surfaces():
    table = layers([0.95, 0.85, 0.65, 0.3], [0.0, 0.2, 0.5, 2.5], spread=0.05)
    found = amorphous_bounds(table, seed=1).loc[("heating", "lower")]
    assert found.low < found.temperature_K < found.high
    by_surface = [
        crossing(np.array(KELVIN), -one.sort_values("temperature_K").hexagonal_order.to_numpy(), -ORDERED)
        for _, one in table[(table.depth == 0) & (table.direction == "heating")].groupby(["slab", "side"])
    ]
    assert min(by_surface) <= found.low
    assert max(by_surface) >= found.high
    # The standard error of a mean of six, on both sides
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.std(by_surface) / np.sqrt(6), rel=0.3)


def test_doubtful_state_is_not_certain():
    table = layers([0.95, 0.85, 0.75, 0.3], [0.0, 0.2, 0.5, 2.5], spread=0.05)
    states = surface_states(table, seed=1).loc["heating", 0]
    assert states.certain.tolist() == [True, True, False, True]


def test_crossing_is_where_values_stay_above():
    kelvin = np.array([10.0, 20.0, 30.0, 40.0])
    assert crossing(kelvin, np.array([0.0, 2.0, 0.0, 2.0]), 1.0) == pytest.approx(35)
    assert crossing(kelvin, np.array([2.0, 0.5, 1.5, 9.0]), 1.0) == pytest.approx(25)
    assert crossing(kelvin, np.array([0.0, 0.0, 0.5, 0.9]), 1.0) == np.inf
    assert crossing(kelvin, np.array([2.0, 0.0, 0.0, 0.0]), 1.0) == np.inf
    assert crossing(kelvin, np.array([2.0, 2.0, 2.0, 2.0]), 1.0) == -np.inf
