"""What an instrument adds to a clean stack: white noise, lateral drift, scan-line glitches.

Each function takes images (height, y, x), row 0 at the lowest y and the fast scan along x, returns a new
float32 array, and draws from the generator that it is given, so that a seed repeats the result. Measured stacks
of ice have a high-frequency residual of 2 to 8 % of the contrast, up to 0.25 A of drift from one layer to the next
after alignment, and now and then a disturbed line: read off public stacks of this kind (repository
supercgor/AmorAFM, dataset/ss), not off a model of the instrument.
"""

import numpy as np
from scipy.ndimage import shift as shift_image


def contrast(images: np.ndarray) -> np.ndarray:
    """Contrast of each image: the standard deviation of its pixels, in the images' unit.

    Parameters
    ----------
    images : (..., y, x)

    Returns
    -------
    (...)
    """
    return np.std(images, axis=(-2, -1))


def add_noise(images: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise whose standard deviation is `fraction` of each image's contrast.

    Parameters
    ----------
    images : (height, y, x)
    fraction
        Of the contrast, without unit; measured: 0.02 to 0.08.
    """
    _check_positive("fraction", fraction)
    noise = rng.standard_normal(np.shape(images))
    return (images + fraction * contrast(images)[..., None, None] * noise).astype(np.float32)


def add_drift(
    images: np.ndarray, step: float, pixel_size: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Displace each image by a random walk from the image below it; the first one stays.

    Parameters
    ----------
    images : (height, y, x)
    step
        Root mean square of the displacement from one layer to the next along x and along y (A). Measured stacks
        show up to 0.25 A from one layer to the next after alignment; that is their largest, not their mean.
    pixel_size
        A.

    Returns
    -------
    images : (height, y, x)
        Interpolated by cubic splines; what drifts in over the border repeats the border.
    displacements : (height, 2)
        Of each image along x and y (A).
    """
    _check_positive("step", step)
    steps = rng.normal(scale=step, size=(len(images), 2)) if step else np.zeros((len(images), 2))
    steps[0] = 0
    displacements = np.cumsum(steps, axis=0)
    drifted = [
        shift_image(image, (dy / pixel_size, dx / pixel_size), order=3, mode="nearest")
        for image, (dx, dy) in zip(images, displacements, strict=True)
    ]
    return np.stack(drifted).astype(np.float32), displacements


def add_glitches(images: np.ndarray, probability: float, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Disturb one scan line of some images: a jump at a random pixel that decays along the fast scan.

    Parameters
    ----------
    images : (height, y, x)
    probability
        That an image has a glitch, 0 to 1.
    strength
        Largest jump, up or down, in units of the image's contrast.
    """
    glitched = np.array(images, dtype=np.float32)
    columns = np.arange(glitched.shape[2])
    for image, scale in zip(glitched, contrast(images), strict=True):
        if rng.random() < probability:
            row, start = rng.integers(image.shape[0]), rng.integers(image.shape[1])
            jump, decay = strength * scale * rng.uniform(-1, 1), rng.uniform(0.05, 0.25) * image.shape[1]
            tail = np.exp(-np.clip(columns - start, 0, None) / decay)
            image[row] += np.where(columns >= start, jump * tail, 0.0)
    return glitched


def to_grey(images: np.ndarray) -> np.ndarray:
    """8-bit grey levels (height, y, x): each image on its own from its lowest value (0) to its highest (255)."""
    low = np.min(images, axis=(-2, -1), keepdims=True)
    span = np.ptp(images, axis=(-2, -1), keepdims=True)
    return np.round(255 * (images - low) / np.where(span > 0, span, 1)).astype(np.uint8)


def _check_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}; it must be zero or positive")
