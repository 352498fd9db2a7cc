"""The stack of images of one structure that a user gives: where it is scanned, and from which height."""

import logging

import numpy as np
import xarray as xr
from ase import Atoms

from icescope.afm import Scan, Tip, simulate
from icescope.afm.frequency_shift import check_sensor
from icescope.afm.heights import origin_height
from icescope.afm.stacks import with_room
from icescope.errors import InputError

log = logging.getLogger(__name__)

# Where films show their molecules (figure afm_heights, docs/afm.md), by origin: first and last height and step, A.
CONTRAST = {"mean_oxygen": (7.6, 9.6, 0.1), "top_oxygen": (6.2, 8.2, 0.1)}
MARGIN = 3.0  # A, around a structure that is not periodic
FINEST_STEP = 0.1  # A, between the heights of the force that a frequency shift is integrated from, at most
LEAST_PIXELS = 16  # along each side, as `afm.measured.read_stack` wants
MOST_POINTS = 1e8  # of a scan, some GB
MOST_IMAGES, MOST_PIXELS = 1000, 10_000  # of a stack, and along an edge


def simulate_structure(
    atoms: Atoms,
    tip: Tip,
    heights: tuple[float, float, float],
    origin: str,
    pixel_size: float = 0.2,
    amplitude: float = 1.0,
    f0: float = 28700.0,
    k0: float = 1800.0,
    potential: xr.DataArray | None = None,
) -> xr.Dataset:
    """Constant-height AFM images of a whole structure.

    Parameters
    ----------
    atoms
        With initial charges (e). Where it is periodic in x and y, its cell is scanned (the rectangle around it), else
        the rectangle around its atoms with 3 A to spare.
    heights
        First, last and step, A, of the tip's anchor at the centre of the oscillation, above `origin`.
    origin
        One of `afm.heights.ORIGINS`, or "absolute": the structure's own z.
    pixel_size
        A; rounded so that a whole number of pixels, at least 16, spans the area.
    amplitude, f0, k0, potential
        See `afm.simulate`.

    Returns
    -------
    Dataset of `afm.simulate`, x and y in the structure's frame, with `height` above the origin, A. Attributes:
    `height_origin`; `origin_height`, its z in the structure's frame, A; `model`, in words.

    Raises
    ------
    InputError
        Heights do not ascend, or reach down into the structure; no atom to count from; too many points; the potential
        does not cover the scan.
    """
    check_sensor(amplitude, f0, k0)
    images = image_heights(*heights)
    z = 0.0 if origin == "absolute" else origin_height(atoms, origin)
    lowest = z + images[0] - amplitude - tip.length
    if lowest < (top := atoms.positions[:, 2].max()):
        raise InputError(
            f"heights from {images[0]:g} A above {origin} put the probe {top - lowest:.1f} A below the highest atom at "
            f"the lowest point of its oscillation; start at {images[0] + top - lowest + 1:.1f} A or higher."
        )
    parts = int(np.ceil(heights[2] / FINEST_STEP - 1e-6))
    step = heights[2] / parts
    fine = images[0] + step * np.arange((len(images) - 1) * parts + 1)
    x, y = (_pixels(low, high, pixel_size) for low, high in scanned_area(atoms))
    scan = Scan(x, y, z + with_room(fine, step, amplitude))
    points = len(x) * len(y) * len(scan.tip_height)
    if points > MOST_POINTS:
        raise InputError(
            f"{len(x)} x {len(y)} pixels at {len(scan.tip_height)} heights of the force are too many at a time; raise "
            "the size of the pixels or narrow the heights."
        )
    result = simulate(atoms, tip, scan, amplitude, f0, k0, potential=potential)
    result = result.isel(height=slice(None, None, parts))
    if missing := int(result.unconverged):
        log.warning("the probe found no equilibrium at %d of %d points; do not trust the images there", missing, points)
    model = (
        f"probe-particle model, {tip.element} probe on {tip.lateral_stiffness:g} N/m with a {tip.multipole} of "
        f"{tip.charge:g} e{'' if tip.multipole == 'monopole' else ' A^2'}, "
        f"{'point charges' if potential is None else 'a given potential'}, amplitude {amplitude:g} A"
    )
    log.info("%s; heights count from %s, z = %.2f A", model, origin, z)
    result = result.assign_coords(height=("height", images, {"units": "A"}))
    return result.assign_attrs(height_origin=origin, origin_height=z, model=model)


def contrast_heights(origin: str) -> tuple[float, float, float]:
    """First height, last height and step, A, of images that show molecules."""
    if origin not in CONTRAST:
        raise InputError(f"the heights at which there is contrast are not known above {origin}; give the heights.")
    return CONTRAST[origin]


def image_heights(first: float, last: float, step: float) -> np.ndarray:
    """Heights from the first to the last, A, in equal steps."""
    if not (np.isfinite([first, last, step]).all() and step > 0 and last - first > step * 0.999):
        raise InputError(
            f"the heights must ascend by at least one step, but {first:g} A, {last:g} A and a step of {step:g} A do "
            "not; give the first, the last and the step."
        )
    if (last - first) / step > MOST_IMAGES:
        raise InputError(f"a step of {step:g} A makes more than {MOST_IMAGES} images; raise it or narrow the heights.")
    return first + step * np.arange(int((last - first) / step + 1e-6) + 1)


def scanned_area(atoms: Atoms) -> np.ndarray:
    """Lowest and highest x and y (2, 2), A: the rectangle around the cell, or around the atoms with a margin."""
    if atoms.pbc[:2].all():
        place, margin = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ atoms.cell[:2, :2], 0.0
        if not np.ptp(place, axis=0).all():
            raise InputError("the structure is periodic in x and y, but its cell spans no area there; set the cell.")
    else:
        place, margin = atoms.positions[:, :2], MARGIN
    return np.stack([place.min(0) - margin, place.max(0) + margin], axis=1)


def _pixels(low: float, high: float, size: float) -> np.ndarray:
    """Centres of pixels that fill an edge."""
    if not size > 0:
        raise InputError(f"the size of the pixels must be positive, not {size:g} A.")
    if high - low > MOST_PIXELS * size:
        raise InputError(f"pixels of {size:g} A make more than {MOST_PIXELS} along an edge; raise their size.")
    count = max(LEAST_PIXELS, round((high - low) / size))
    return low + (np.arange(count) + 0.5) * (high - low) / count
