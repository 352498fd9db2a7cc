"""Motion along a surface: a known random walk, a cage, and what must not count as motion."""

import numpy as np
import pytest

from icescope.premelting.mobility import diffusion_coefficient, mean_square_displacement, paths

EDGES = np.array([27.0, 23.0])


def walk(rng: np.random.Generator, frames: int, molecules: int, diffusion: float, interval: float) -> np.ndarray:
    steps = rng.normal(scale=np.sqrt(2 * diffusion * interval), size=(frames, molecules, 3))
    return rng.uniform(0, 20, (molecules, 3)) + np.cumsum(steps, axis=0)


def test_random_walk_has_its_diffusion_coefficient_also_when_wrapped():
    rng = np.random.default_rng(3)
    positions = walk(rng, frames=60, molecules=4000, diffusion=0.02, interval=0.5)
    along = paths(positions, EDGES)
    positions[..., :2] %= EDGES
    assert np.diff(paths(positions, EDGES), axis=0) == pytest.approx(np.diff(along, axis=0), abs=1e-9)
    msd = mean_square_displacement(along)
    assert len(msd) == 31
    assert msd[0] == 0
    # 4000 walkers: a standard error of some 2 % of the slope, as its lags share their steps
    assert diffusion_coefficient(msd, 0.5) == pytest.approx(0.02, rel=0.06)
    assert msd == pytest.approx(4 * 0.02 * 0.5 * np.arange(31), rel=0.05)


def test_cage_does_not_diffuse_whatever_its_size():
    rng = np.random.default_rng(5)
    for width in (0.1, 0.5):
        positions = rng.uniform(0, 20, (3000, 3)) + rng.normal(scale=width, size=(40, 3000, 3))
        msd = mean_square_displacement(paths(positions, EDGES))
        assert msd[1:] == pytest.approx(4 * width**2, rel=0.02)
        assert diffusion_coefficient(msd, 1.0) == pytest.approx(0, abs=2e-3 * width**2)


def test_slab_that_drifts_as_a_whole_does_not_diffuse():
    still = np.random.default_rng(7).uniform(0, 20, (50, 3))
    drifting = still + np.linspace(0, 30, 40)[:, None, None] * [1.0, -0.5, 0.2]
    drifting[..., :2] %= EDGES
    msd = mean_square_displacement(paths(drifting, EDGES))
    assert msd == pytest.approx(0, abs=1e-9)


def test_motion_across_the_surface_does_not_count():
    positions = np.zeros((20, 10, 3))
    positions[:, 0, 2] = np.arange(20)
    assert mean_square_displacement(paths(positions, EDGES)) == pytest.approx(0)
