import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import iv

from icescope.afm.frequency_shift import NEWTON_PER_METRE, frequency_shift_matrix
from icescope.errors import InputError

F0, K0 = 28700.0, 1800.0


def test_linear_force_gives_the_gradient_formula_at_any_amplitude():
    # F = -kappa z shifts the resonance by f0 kappa / (2 k0), whatever the amplitude.
    height = np.linspace(5, 9, 41)
    for amplitude in (0.13, 1.0, 2.0):
        centres, matrix = frequency_shift_matrix(height, amplitude, F0, K0)
        expected = F0 * 0.02 * NEWTON_PER_METRE / (2 * K0)
        assert matrix @ (-0.02 * height + 3) == pytest.approx(np.full(len(centres), expected), rel=1e-9)


def test_constant_force_shifts_nothing():
    _, matrix = frequency_shift_matrix(np.linspace(5, 9, 41), 1.0, F0, K0)
    assert matrix @ np.ones(41) == pytest.approx(np.zeros(len(matrix)), abs=1e-9)


def test_exponential_force_against_its_bessel_function():
    # int exp(-l A t) t / sqrt(1 - t^2) dt = -pi I_1(l A): a closed form (Giessibl 2003, Rev. Mod. Phys. 75, 949).
    height, decay, amplitude = np.linspace(4, 9, 2001), 1.7, 1.0
    centres, matrix = frequency_shift_matrix(height, amplitude, F0, K0)
    exact = F0 * NEWTON_PER_METRE / (K0 * amplitude) * np.exp(-decay * centres) * iv(1, decay * amplitude)
    # The force is taken as linear over 2.5e-3 A: relative error (l dz)^2 / 12, about 1.5e-6.
    assert matrix @ np.exp(-decay * height) == pytest.approx(exact, rel=5e-6)


def test_piecewise_linear_force_is_integrated_exactly_on_uneven_heights():
    rng = np.random.default_rng(3)
    height = np.sort(rng.uniform(0, 5, 12))
    force = rng.normal(size=12)
    amplitude = 0.9
    centres, matrix = frequency_shift_matrix(height, amplitude, F0, K0)
    for centre, shift in zip(centres, matrix @ force, strict=True):
        # t = -cos(phi) takes the poles of the weight away.
        integral = quad(
            lambda phi, at=centre: -np.cos(phi) * np.interp(at - amplitude * np.cos(phi), height, force),
            0, np.pi, points=np.arccos(np.clip((centre - height) / amplitude, -1, 1)), limit=400,
        )[0]  # fmt: skip
        assert shift == pytest.approx(-F0 * NEWTON_PER_METRE / (np.pi * K0 * amplitude) * integral, rel=1e-6)


def test_heights_are_those_with_the_whole_oscillation_inside():
    centres, _ = frequency_shift_matrix(np.arange(6.9, 10.95, 0.1), 1.0, F0, K0)
    assert centres == pytest.approx(np.arange(7.9, 9.95, 0.1))


def test_oscillation_that_does_not_fit_is_named():
    with pytest.raises(InputError, match="oscillation of 2 A .* does not fit into tip heights from 7 to 9 A"):
        frequency_shift_matrix(np.array([7.0, 8.0, 9.0]), 2.0, F0, K0)
