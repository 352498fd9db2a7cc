"""Contrast: what is fine and what is not, how both fall with height, and the noise that they are set against."""

import numpy as np
import pytest
import xarray as xr
from water import layer

from icescope.afm.contrast import contrast_by_height, fine_contrast, thermal_noise

PIXEL = 0.2
X = (np.arange(128) + 0.5) * PIXEL
AFM = {
    "pixels": 24,
    "heights": [0.0, 1.0],
    "height_step": 0.1,
    "height_offset": 99.0,
    "amplitude": 1.0,
    "f0": 28700.0,
    "k0": 1800.0,
    "tip": {"element": "O", "charge": -0.05, "lateral_stiffness": 0.5, "radial_stiffness": 20.0, "length": 4.0},
}


def wave(length, angle):
    y, x = np.meshgrid(X, X, indexing="ij")
    return np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + 0.3)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
@pytest.mark.parametrize(("length", "share"), [(1.5, 1.0), (2.5, 1.0), (4.5, 0.0), (8.0, 0.0), (40.0, 0.0)])
def test_waves_shorter_than_3_angstrom_are_fine_whatever_their_direction(length, share, angle):
    image = 5.0 + 3.0 * wave(length, angle)
    assert fine_contrast(image, PIXEL) == pytest.approx(share * 3.0 / np.sqrt(2), abs=0.02)


def test_fine_contrast_of_a_stack_is_that_of_each_image():
    images = np.random.default_rng(0).normal(size=(3, 20, 24))
    assert fine_contrast(images, 0.4) == pytest.approx([fine_contrast(image, 0.4) for image in images])


@pytest.fixture(scope="module")
def contrast():
    """Of two layers at different heights above the metal."""
    layers = [layer(5, seed=seed, roughness=0.5) for seed in (1, 2)]
    for atoms, height in zip(layers, (3.0, 9.0), strict=True):
        atoms.positions[:, 2] += height
    windows = xr.Dataset(
        {
            "position": (("atom", "xyz"), np.concatenate([one.positions for one in layers])),
            "number": ("atom", np.concatenate([one.numbers for one in layers])),
            "charge": ("atom", np.concatenate([one.get_initial_charges() for one in layers])),
            "atom_count": ("sample", [len(one) for one in layers]),
        },
        attrs={"window_size": [15.0, 15.0, 3.0]},
    )
    result = contrast_by_height(windows, AFM, (7.5, 12.0))
    return result, [atoms.positions[::3, 2] for atoms in layers]


def test_origins_are_those_of_each_window(contrast):
    result, oxygens = contrast
    assert result.mean_oxygen.values == pytest.approx([z.mean() for z in oxygens])
    assert result.top_oxygen.values == pytest.approx([z.max() for z in oxygens])
    assert result.substrate.values == pytest.approx([0.0, 0.0])
    assert result.height.values == pytest.approx(np.arange(7.5, 12.05, 0.1))


def test_fine_contrast_ends_with_the_pauli_repulsion_and_the_rest_falls_slowly(contrast):
    near, far = (contrast[0].sel(height=height, method="nearest") for height in (8.0, 12.0))
    assert (near.fine_contrast > 1000 * far.fine_contrast).all()
    assert (near.contrast < 300 * far.contrast).all()
    assert (near.contrast >= near.fine_contrast).all()


def test_thermal_noise_of_the_published_sensor():
    """By hand: sqrt(28700 x 1.380649e-23 x 5 x 50 / (pi x 1800 x 1e5)) m Hz over an amplitude of 1e-10 m."""
    noise = thermal_noise(28700.0, 1800.0, amplitude=1.0, q=1e5, temperature=5.0, bandwidth=50.0)
    assert noise == pytest.approx(4.185e-3, rel=1e-3)
    assert thermal_noise(28700.0, 1800.0, 2.0, 1e5, 20.0, 50.0) == pytest.approx(noise)
