"""How much of the atoms an image shows at each height, and what the thermal noise of the sensor leaves of it."""

import logging

import numpy as np
import xarray as xr
from scipy.constants import k as BOLTZMANN  # J/K

from icescope.afm import Tip, simulate
from icescope.afm.heights import ORIGINS, window_origin_height
from icescope.afm.stacks import window_scan
from icescope.progress import track
from icescope.structures.samples import atoms_of

log = logging.getLogger(__name__)

FINE = 3.0  # A, wavelength; neighbouring molecules, 2.8 A apart, are told apart by shorter ones


def contrast_by_height(windows: xr.Dataset, afm: dict, heights: tuple[float, float]) -> xr.Dataset:
    """Images of windows over a wide range of heights, and the contrast of each.

    Parameters
    ----------
    windows
        See `structures.windows.cut_windows`.
    afm
        The configuration's block of that name; its heights are not used.
    heights
        First and last, A, of the tip's anchor above the mean oxygen plane of each window.

    Returns
    -------
    Dataset with, for each `sample`: `frequency_shift` (height, y, x), `contrast` (standard deviation) and
    `fine_contrast` (height), Hz; `mean_oxygen`, `top_oxygen`, `substrate`, heights of the three origins above the
    metal's topmost plane, A. The coordinate `height` counts from the mean oxygen plane.
    """
    size, results = windows.attrs["window_size"], []
    scan = window_scan(size, afm | {"heights": heights, "height_offset": 0.0})
    for sample in track(range(windows.sizes["sample"]), "contrast by height", windows.sizes["sample"]):
        atoms = atoms_of(windows, sample)
        origins = {origin: window_origin_height(atoms, size, origin) for origin in ORIGINS}
        atoms.positions[:, 2] -= origins["mean_oxygen"]
        one = simulate(  # not on a GPU, which so few images do not ask for
            atoms, Tip(**afm["tip"]), scan, *(afm[name] for name in ("amplitude", "f0", "k0")), method="numba"
        )
        if missing := int(one.unconverged.sum()):
            log.warning("the probe found no equilibrium at %d points of window %d", missing, sample)
        images = one.frequency_shift.values.astype(float)
        results.append(
            one.assign(
                contrast=("height", images.std((1, 2)), {"units": "Hz"}),
                fine_contrast=("height", fine_contrast(images, scan.x[1] - scan.x[0]), {"units": "Hz"}),
                **{origin: ((), height, {"units": "A"}) for origin, height in origins.items()},
            )
        )
    return xr.concat(results, "sample")


def fine_contrast(images: np.ndarray, pixel_size: float) -> np.ndarray:
    """Contrast at wavelengths below 3 A, what tells neighbouring molecules apart, in the images' unit.

    Root mean square of the image's Fourier components there. The image, less its mean, is first multiplied by a Hann
    window of unit mean square, so that its borders do not count as detail.

    Parameters
    ----------
    images : (..., y, x)
    pixel_size
        A.

    Returns
    -------
    (...)
    """
    rows, columns = np.shape(images)[-2:]
    window = 8 / 3 * np.outer(_hann(rows), _hann(columns))
    mean = (images * window).sum((-2, -1), keepdims=True) / window.sum()
    power = np.abs(np.fft.fft2((images - mean) * window)) ** 2 / (rows * columns) ** 2
    k_y, k_x = np.meshgrid(np.fft.fftfreq(rows, pixel_size), np.fft.fftfreq(columns, pixel_size), indexing="ij")
    return np.sqrt((power * (np.hypot(k_y, k_x) > 1 / FINE)).sum((-2, -1)))


def thermal_noise(f0: float, k0: float, amplitude: float, q: float, temperature: float, bandwidth: float) -> float:
    """Least noise (Hz, root mean square) of a frequency shift: sqrt(f0 kB T B / (pi k0 Q A^2)).

    Albrecht et al. 1991, J. Appl. Phys. 69, 668, with the mean square A^2/2 of the oscillation.

    Parameters
    ----------
    f0, k0
        Hz, N/m.
    amplitude
        Zero to peak, A.
    q
        Quality factor.
    temperature, bandwidth
        K, Hz.
    """
    return float(np.sqrt(f0 * BOLTZMANN * temperature * bandwidth / (np.pi * k0 * q)) / (amplitude * 1e-10))


def _hann(length: int) -> np.ndarray:
    return np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
