"""What an instrument does to a clean stack: wrong heights, drift, blur, noise, missing lines.

Images are (height, y, x) in the order of their recording: row 0, at the lowest y, comes first, the fast scan runs along
x, and the images follow each other in time. Each function returns a new float32 array, changes nothing at zero
strength, and draws from the generator that it is given, so that a seed repeats the result. The noises stand in
`noise.py`. The asymmetry of a tilted CO is physics of the tip and not of this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter, map_coordinates

from icescope.afm.noise import add_coloured_noise, add_glitches, add_hum, add_line_offsets, add_noise, check
from icescope.errors import InputError


@dataclass(frozen=True)
class Instrument:
    """Strengths of the effects; an effect of strength zero is absent. The functions below say what each one is.

    height_offset: A, positive where the tip is higher than recorded. slope: height gained along x and y, A/A.
    drift_step: A, root mean square. drift_velocity: along x and y, A from one image to the next.
    blur: standard deviation, A.
    noise, coloured_noise, hum, line_offsets: of the contrast. exponent: of the coloured noise.
    hum_frequency: Hz. pixel_time: s, of one pixel.
    glitches: probability that an image has one. glitch_strength: of the contrast.
    missing_lines: probability that a line is lost.
    """

    height_offset: float = 0.0
    slope: tuple[float, float] = (0.0, 0.0)
    drift_step: float = 0.0
    drift_velocity: tuple[float, float] = (0.0, 0.0)
    blur: float = 0.0
    noise: float = 0.0
    coloured_noise: float = 0.0
    exponent: float = 1.0
    hum: float = 0.0
    hum_frequency: float = 50.0
    pixel_time: float = 0.007
    line_offsets: float = 0.0
    glitches: float = 0.0
    glitch_strength: float = 1.0
    missing_lines: float = 0.0

    def __post_init__(self):
        for name in ("slope", "drift_velocity"):  # lists when they come from a file
            object.__setattr__(self, name, _pair(name, getattr(self, name)))
        check("finite", height_offset=self.height_offset)
        names = "drift_step", "blur", "noise", "coloured_noise", "exponent", "hum", "line_offsets", "glitch_strength"
        check("zero or positive", **{name: getattr(self, name) for name in names})
        check("positive", hum_frequency=self.hum_frequency, pixel_time=self.pixel_time)
        check("between 0 and 1", glitches=self.glitches, missing_lines=self.missing_lines)


def measure(
    images: np.ndarray,
    instrument: Instrument,
    pixel_size: float,
    height_step: float,
    rng: np.random.Generator,
    margin: int = 0,
) -> np.ndarray:
    """A clean stack as the instrument would record it.

    The effects come in the order in which they arise: heights, drift, blur, noise, missing lines. Every noise is a
    share of the contrast before any noise. Each effect draws from its own child of `rng`, so that the strength of one
    leaves the random pattern of the others as it was.

    Parameters
    ----------
    images : (height, y, x)
        At equidistant heights.
    pixel_size, height_step
        A.
    margin
        Images at either end that only serve `height_offset` and `slope`, and are cut off.

    Returns
    -------
    (height - 2 margin, y, x), in the images' unit. With drift, the middle of the first image stays in place.

    Raises
    ------
    InputError
        Offset and slope lead out of the stack; see `add_height_error`.
    """
    drift, white, coloured, hum, offsets, glitches, lines = rng.spawn(7)
    images = add_height_error(
        images, height_step, pixel_size, instrument.height_offset, instrument.slope, margin=margin
    )
    images, _ = add_drift(images, instrument.drift_step, pixel_size, drift, instrument.drift_velocity)
    images = blur(images, instrument.blur, pixel_size)
    noisy = [
        add_noise(images, instrument.noise, white),
        add_coloured_noise(images, instrument.coloured_noise, coloured, instrument.exponent),
        add_hum(images, instrument.hum, hum, instrument.hum_frequency, instrument.pixel_time),
        add_line_offsets(images, instrument.line_offsets, offsets),
        add_glitches(images, instrument.glitches, instrument.glitch_strength, glitches),
    ]
    images = images + sum(one - images for one in noisy)
    return lose_lines(images, instrument.missing_lines, lines)


def add_height_error(
    images: np.ndarray,
    height_step: float,
    pixel_size: float,
    offset: float = 0.0,
    slope: Sequence[float] = (0.0, 0.0),
    margin: int = 0,
) -> np.ndarray:
    """Record each image `offset` above its stated height, on a plane that is tilted against the sample.

    A pixel at (x, y) from the middle of the image is seen from height + offset + slope_x x + slope_y y, by cubic
    splines along the heights. Nothing is extrapolated: `margin` images at either end have to cover the error.

    Parameters
    ----------
    images : (height, y, x)
        At equidistant heights.
    height_step, pixel_size
        A.
    offset
        A, positive where the tip is higher than recorded.
    slope
        Height that the tip gains over the sample along x and along y, A/A.
    margin
        Images at either end that are cut off.

    Returns
    -------
    (height - 2 margin, y, x)

    Raises
    ------
    InputError
        The error is larger than the margin, or the margin leaves no images.
    """
    images = np.asarray(images, np.float32)
    check("positive", height_step=height_step, pixel_size=pixel_size)
    check("finite", offset=offset)
    slope_x, slope_y = _pair("slope", slope)
    count, rows, columns = images.shape
    if not 0 <= margin < count / 2:
        raise InputError(f"a margin of {margin} at either end leaves no images of a stack of {count}.")
    y = (np.arange(rows) - (rows - 1) / 2) * pixel_size
    x = (np.arange(columns) - (columns - 1) / 2) * pixel_size
    steps = (offset + slope_y * y[:, None] + slope_x * x) / height_step
    most = np.abs(steps).max()
    if most > margin + 1e-6:
        raise InputError(
            f"height offset and slope lead {most * height_step:.3g} A away from the recorded heights, but the margin is"
            f" {margin * height_step:.3g} A; give a margin of {int(np.ceil(most - 1e-6))} images at either end or more."
        )
    recorded = np.arange(margin, count - margin)
    if not most:
        return images[recorded]
    position = recorded[:, None, None] + steps
    below = np.clip(np.floor(position), 0, count - 2).astype(int)
    pieces = (np.take_along_axis(one, below, axis=0) for one in CubicSpline(np.arange(count), images).c)
    value = next(pieces)
    for coefficient in pieces:
        value = value * (position - below) + coefficient
    return value.astype(np.float32)


def add_drift(
    images: np.ndarray,
    step: float,
    pixel_size: float,
    rng: np.random.Generator,
    velocity: Sequence[float] = (0.0, 0.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Displace the images while they are recorded: by jumps from image to image, and by a steady drift.

    The jumps are a random walk from the first image on: what an alignment of the images leaves over. The steady
    drift goes on from line to line and from image to image, so it also shears (along x) and stretches (along y) each
    image. The middle of the first image stays in place.

    Parameters
    ----------
    images : (height, y, x)
    step
        Root mean square of the jump from one layer to the next along x and along y (A). Measured stacks
        show up to 0.25 A from one layer to the next after alignment; that is their largest, not their mean.
    pixel_size
        A.
    velocity
        Of the structure in the image along x and y, A from one image to the next.

    Returns
    -------
    images : (height, y, x)
        Interpolated by cubic splines; what drifts in over the border repeats the border.
    displacements : (height, 2)
        Of the middle of each image along x and y (A).
    """
    check("zero or positive", step=step)
    check("positive", pixel_size=pixel_size)
    velocity = _pair("velocity", velocity)
    drifted = np.array(images, np.float32)
    count, rows, columns = drifted.shape
    steps = rng.normal(scale=step, size=(count, 2))
    steps[0] = 0
    displacements = np.cumsum(steps, axis=0) + np.arange(count)[:, None] * velocity
    y, x = np.mgrid[:rows, :columns]
    time = (y * columns + x + 0.5) / (rows * columns) - 0.5  # since the middle of the image, in images
    for image, (to_x, to_y) in zip(drifted, displacements, strict=True):
        if to_x or to_y or any(velocity):
            from_x = x - (to_x + velocity[0] * time) / pixel_size
            from_y = y - (to_y + velocity[1] * time) / pixel_size
            image[:] = map_coordinates(image, (from_y, from_x), order=3, mode="nearest")
    return drifted, displacements


def blur(images: np.ndarray, width: float, pixel_size: float) -> np.ndarray:
    """Convolve each image with a Gaussian, for vibrations and a slow detector; its mean stays.

    A wave of length L keeps exp(-2 pi^2 width^2 / L^2) of its amplitude.

    Parameters
    ----------
    images : (height, y, x)
        Mirrored at the border.
    width
        Standard deviation of the Gaussian, A.
    pixel_size
        A.
    """
    check("zero or positive", width=width)
    check("positive", pixel_size=pixel_size)
    pixels = width / pixel_size
    return gaussian_filter(np.array(images, np.float32), (0, pixels, pixels), mode="reflect")


def lose_lines(images: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Lose scan lines at random; each one repeats the line recorded before it, the first ones the line after.

    The line before keeps the image finite and its brightness in place, which NaN and the image's mean do not.

    Parameters
    ----------
    images : (height, y, x)
    probability
        That a line is lost, 0 to 1. An image that loses all of them repeats its first.
    """
    check("between 0 and 1", probability=probability)
    images = np.asarray(images, np.float32)
    lost = rng.random(images.shape[:2]) < probability
    source = np.maximum.accumulate(np.where(lost, -1, np.arange(images.shape[1])), axis=1)
    source = np.where(source < 0, np.argmin(lost, axis=1)[:, None], source)
    return np.take_along_axis(images, source[..., None], axis=1)


def to_grey(images: np.ndarray) -> np.ndarray:
    """8-bit grey levels (height, y, x): each image on its own from its lowest value (0) to its highest (255)."""
    low = np.min(images, axis=(-2, -1), keepdims=True)
    span = np.ptp(images, axis=(-2, -1), keepdims=True)
    return np.round(255 * (images - low) / np.where(span > 0, span, 1)).astype(np.uint8)


def _pair(name: str, values: Sequence[float]) -> tuple[float, float]:
    try:
        along_x, along_y = (float(value) for value in values)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {values}; it must be two numbers, along x and along y.") from None
    check("finite", **{f"{name} along x": along_x, f"{name} along y": along_y})
    return along_x, along_y
