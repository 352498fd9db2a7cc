"""From the vertical force to the frequency shift of an oscillating cantilever."""

import numpy as np

from icescope.errors import InputError

NEWTON_PER_METRE = 16.0217662  # of 1 eV/A^2


def frequency_shift_matrix(height: np.ndarray, amplitude: float, f0: float, k0: float) -> tuple[np.ndarray, np.ndarray]:
    """Heights (A) at which the oscillation fits into the scan, and the matrix that maps F_z to the shift there.

    The shift is -f0 / (pi k0 A) int_-1^1 F_z(z + A t) t / sqrt(1 - t^2) dt (Giessibl 2001, Appl. Phys. Lett. 78,
    123, eq. 1), integrated exactly for a force that is linear between the scan's heights.

    Parameters
    ----------
    height
        (n,) ascending heights of the force, A.
    amplitude
        Zero to peak, A.
    f0, k0
        Resonance frequency (Hz) and stiffness (N/m) of the sensor.

    Returns
    -------
    centres (m,), A, and matrix (m, n), Hz per eV/A.

    Raises
    ------
    InputError
        The amplitude, f0 or k0 is not positive, or no height has the whole oscillation inside the scan.
    """
    check_sensor(amplitude, f0, k0)
    height = np.asarray(height, float)
    slack = 1e-6
    fits = (height - amplitude >= height[0] - slack) & (height + amplitude <= height[-1] + slack)
    centres = height[fits]
    if not len(centres):
        raise InputError(
            f"an oscillation of {amplitude:g} A (zero to peak) does not fit into tip heights from {height[0]:g} to "
            f"{height[-1]:g} A; widen the scan or reduce the amplitude."
        )
    t = np.clip((height[None, :] - centres[:, None]) / amplitude, -1, 1)
    zeroth = np.diff(-np.sqrt(1 - t**2), axis=1)  # int t / sqrt(1 - t^2) over each interval
    first = np.diff((np.arcsin(t) - t * np.sqrt(1 - t**2)) / 2, axis=1)  # the same with one more factor t
    # On the interval [z_i, z_i+1]: F = F_i + slope * (z - z_i), with z = centre + A t.
    step = np.diff(height)
    from_left = (amplitude * first - (height[None, :-1] - centres[:, None]) * zeroth) / step
    matrix = np.zeros((len(centres), len(height)))
    matrix[:, :-1] += zeroth - from_left
    matrix[:, 1:] += from_left
    return centres, -f0 * NEWTON_PER_METRE / (np.pi * k0 * amplitude) * matrix


def check_sensor(amplitude: float, f0: float, k0: float) -> None:
    """Refuse, with an `InputError`, what no sensor can have."""
    for name, value in (("amplitude", amplitude), ("resonance frequency f0", f0), ("stiffness k0", k0)):
        if not 0 < value < np.inf:
            raise InputError(f"the {name} must be positive and finite, not {value}.")
