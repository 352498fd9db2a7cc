"""Noise of a stack as an instrument adds it: white, coloured, hum of the mains, line offsets, glitches.

Images are (height, y, x) in the order of their recording: row 0, at the lowest y, comes first, the fast scan runs along
x, and the images follow each other in time. Each function returns a new float32 array, changes nothing at zero
strength, and draws from the generator that it is given, so that a seed repeats the result.

Measured stacks of ice have a high-frequency residual of 2 to 8 % of the contrast, offsets between lines of 0.5 to
2 %, and now and then a disturbed line: read off public stacks of this kind (repository supercgor/AmorAFM, dataset/ss),
not off a model of the instrument.
"""

from collections.abc import Callable
from numbers import Real

import numpy as np

from icescope.errors import InputError

RULES = {
    "finite": lambda value: True,
    "zero or positive": lambda value: value >= 0,
    "positive": lambda value: value > 0,
    "between 0 and 1": lambda value: 0 <= value <= 1,
}


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
    return _add(images, fraction, lambda: rng.standard_normal(np.shape(images)))


def add_coloured_noise(
    images: np.ndarray, fraction: float, rng: np.random.Generator, exponent: float = 1.0
) -> np.ndarray:
    """Add noise of power 1 / frequency^exponent in time: pixel after pixel, line after line, image after image.

    Its slow part shows as bands along the fast scan. The time of the back scans is left out.

    Parameters
    ----------
    images : (height, y, x)
    fraction
        Standard deviation within an image (root mean square over the images) as a share of the contrast. The
        images' means differ by more than that where the exponent is large.
    exponent
        0 is white, 1 is flicker noise, 2 is a random walk.
    """
    check("zero or positive", exponent=exponent)

    def pattern() -> np.ndarray:
        count = np.size(images)
        # Twice the length is drawn, because a Fourier series returns to its beginning and the noise must not.
        frequency = np.fft.rfftfreq(2 * count)
        frequency[0] = np.inf
        spectrum = np.fft.rfft(rng.standard_normal(2 * count)) * frequency ** (-exponent / 2)
        noise = np.fft.irfft(spectrum, 2 * count)[:count].reshape(np.shape(images))
        return noise / np.sqrt(np.mean(contrast(noise) ** 2))

    return _add(images, fraction, pattern)


def add_hum(
    images: np.ndarray, fraction: float, rng: np.random.Generator, frequency: float = 50.0, pixel_time: float = 0.007
) -> np.ndarray:
    """Add the pick-up of the mains: one sinusoid in time, of random phase, that goes on from image to image.

    Above half the pixel rate it shows at its alias, as in an instrument without a filter; at a multiple of half the
    pixel rate the phase decides how much of it is seen. The time of the back scans is left out.

    Parameters
    ----------
    images : (height, y, x)
    fraction
        Root mean square as a share of each image's contrast.
    frequency
        Hz.
    pixel_time
        Time of one pixel, s.
    """
    check("positive", frequency=frequency, pixel_time=pixel_time)
    time = pixel_time * np.arange(np.size(images)).reshape(np.shape(images))
    phase = rng.random()
    return _add(images, fraction, lambda: np.sqrt(2) * np.sin(2 * np.pi * (frequency * time + phase)))


def add_line_offsets(images: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Add to each scan line a Gaussian offset of its own, for small changes between one line and the next.

    Parameters
    ----------
    images : (height, y, x)
    fraction
        Standard deviation of the offsets as a share of each image's contrast; measured: 0.005 to 0.02.
    """
    return _add(images, fraction, lambda: rng.standard_normal((*np.shape(images)[:2], 1)))


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
    check("between 0 and 1", probability=probability)
    check("zero or positive", strength=strength)
    glitched = np.array(images, dtype=np.float32)
    columns = np.arange(glitched.shape[2])
    for image, scale in zip(glitched, contrast(images), strict=True):
        if rng.random() < probability:
            row, start = rng.integers(image.shape[0]), rng.integers(image.shape[1])
            jump, decay = strength * scale * rng.uniform(-1, 1), rng.uniform(0.05, 0.25) * image.shape[1]
            tail = np.exp(-np.clip(columns - start, 0, None) / decay)
            image[row] += np.where(columns >= start, jump * tail, 0.0)
    return glitched


def _add(images: np.ndarray, fraction: float, pattern: Callable[[], np.ndarray]) -> np.ndarray:
    """Images plus a pattern of unit strength, drawn if it has any, times a share of each image's contrast."""
    check("zero or positive", fraction=fraction)
    if not fraction:
        return np.array(images, np.float32)
    return (images + fraction * contrast(images)[..., None, None] * pattern()).astype(np.float32)


def check(rule: str, **values: float) -> None:
    """Raise an `InputError` that names the first value that is not a finite number or breaks the rule of that name."""
    for name, value in values.items():
        if not (isinstance(value, Real) and np.isfinite(value) and RULES[rule](value)):
            raise InputError(f"{name} is {value}; it must be {rule}.")
