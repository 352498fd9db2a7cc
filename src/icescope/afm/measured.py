"""Measured stacks: a folder of images and a `cell.txt` in, one array with coordinates in Angstrom out.

`read_stack` refuses what it cannot use with one sentence.
"""

import logging
import math
import os
import re
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from icescope.errors import InputError
from icescope.storage import whole_file

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".tif", ".tiff")
SMALLEST_CELL, LARGEST_CELL = 0.5, 1000.0  # nm
SMALLEST_SIDE = 16  # pixels
MOST_PIXELS = 2**28  # of a stack, 1 GB
LONGEST_CELL_FILE = 10_000  # characters
LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green, blue (ITU-R BT.601)
UNIFORM = 0.1  # a line of pixels is uniform when its spread is below this share of the image's spread
WIDEST_FRAME = 0.05  # of the side; a wider uniform band is no frame


def read_stack(folder: str | Path) -> xr.DataArray:
    """Read a folder of images, from the closest to the surface upwards, and its `cell.txt`.

    Parameters
    ----------
    folder
        Holds PNG or TIFF images of one size, one for each tip height (`0.png` the closest to the surface), and
        `cell.txt`: a line of comment, then the width and the height of the images in nm.

    Returns
    -------
    xarray.DataArray (height, y, x), float32
        Grey levels as they stand in the files (the luminance of colours). Row 0 is the lowest y, the bottom of the
        image; `x` and `y` are the pixel centres in A from the lower left corner of the image as given; `height`
        counts the images from the surface. A uniform frame is cropped; the coordinates of what remains stay.
        Attributes: `units`, `folder`, `files`, `size` (width and height of the image as given, A), `frame` (pixels
        cropped left, right, bottom, top).

    Raises
    ------
    InputError
        The folder, an image or `cell.txt` is missing or cannot be used.
    """
    folder = Path(folder)
    if not os.path.exists(folder):
        raise InputError(f"{folder} does not exist; give the folder that holds the images and cell.txt.")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; export its images as PNG or TIFF into one, and add cell.txt.")
    files = image_files(folder)
    width, height = read_cell(folder / "cell.txt")
    images, units = zip(*(_read_image(file, MOST_PIXELS // len(files)) for file in files), strict=True)
    _check_sizes(files, images)
    stack = np.stack(images)[:, ::-1]
    frame = uniform_frame(stack)
    left, right, bottom, top = frame
    rows, columns = stack.shape[1:]
    x = (np.arange(columns) + 0.5) * width / columns
    y = (np.arange(rows) + 0.5) * height / rows
    if any(frame):
        log.info("%s: cropped a uniform frame of %d (left), %d (right), %d (bottom), %d (top) pixels", folder, *frame)
    stack = stack[:, bottom : rows - top, left : columns - right]
    return xr.DataArray(
        np.ascontiguousarray(stack),
        dims=("height", "y", "x"),
        coords={
            "height": ("height", np.arange(len(files)), {"long_name": "image, from the surface upwards"}),
            "y": ("y", y[bottom : rows - top], {"units": "A"}),
            "x": ("x", x[left : columns - right], {"units": "A"}),
        },
        attrs={
            "units": units[0] if len(set(units)) == 1 else "mixed",
            "folder": str(folder),
            "files": [file.name for file in files],
            "size": (width, height),
            "frame": frame,
        },
    )


def write_stack(folder: str | Path, images: np.ndarray, size: tuple[float, float], comment: str) -> None:
    """Write images as `0.png`, `1.png`, ... and their `cell.txt`, as `read_stack` reads them.

    Parameters
    ----------
    images : (height, y, x), uint8
        Row 0 at the lowest y.
    size
        Width and height in A.
    comment
        First line of `cell.txt`.
    """
    folder = Path(folder)
    for number, image in enumerate(images):
        with whole_file(folder / f"{number}.png") as partial:
            Image.fromarray(np.ascontiguousarray(image[::-1])).save(partial, format="PNG")
    with whole_file(folder / "cell.txt") as partial:
        partial.write_text(f"{comment}\n{size[0] / 10:.6g} {size[1] / 10:.6g}\n", encoding="utf-8")


def image_files(folder: Path) -> list[Path]:
    """Images of a folder from the closest to the surface upwards: by their integer names, else in natural order."""
    try:
        content = list(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} could not be read: {error.strerror or error}.") from error
    found = [
        path for path in content if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]
    if not found:
        raise InputError(f"{folder} holds no PNG or TIFF images; export one image for each tip height into it.")
    numbered = [path for path in found if re.fullmatch(r"[0-9]+", path.stem)]
    files = sorted(numbered or found, key=_natural)
    if len(files) == 1:
        raise InputError(f"{folder} holds only one image, {files[0].name}; a stack needs one for each tip height.")
    if numbered:
        _check_numbers(folder, files, ignored=sorted(set(found) - set(numbered)))
    return files


def read_cell(path: Path) -> tuple[float, float]:
    """Width and height (A) of the images from a `cell.txt` that gives them in nm."""
    if not path.is_file():
        raise InputError(f"{path} is missing; write a line of comment, then the width and the height in nm.")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(LONGEST_CELL_FILE)
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror or error}.") from error
    words = re.split(r"[\s,;]+", text.partition("\n")[2].strip())
    try:
        width, height = (float(word) for word in words)
    except ValueError:
        raise InputError(
            f"{path} must hold a line of comment, then two numbers, width and height in nm; found"
            f" {' '.join(words)[:40]!r} after the first line."
        ) from None
    for name, value in (("width", width), ("height", height)):
        if not math.isfinite(value) or value <= 0:
            raise InputError(f"{path} gives a {name} of {value:g} nm; it must be a positive number.")
        if not SMALLEST_CELL <= value <= LARGEST_CELL:
            raise InputError(
                f"{path} gives a {name} of {value:g} nm, outside {SMALLEST_CELL:g} to {LARGEST_CELL:g} nm;"
                " check that it is in nm."
            )
    return 10 * width, 10 * height


def uniform_frame(stack: np.ndarray) -> tuple[int, int, int, int]:
    """Widths (pixels) of the uniform frame around the images: left, right, bottom, top.

    A line of pixels belongs to the frame when the range between its 5th and 95th percentile is below a tenth of
    the range between the image's 1st and 99th, in any image of the stack; both count away from the corners, which
    lie in two bands. A band wider than a twentieth of the side is not a frame but part of the image, and is kept.

    Parameters
    ----------
    stack : (height, y, x)
        Row 0 at the bottom.
    """
    widths = {}
    rows, columns = (slice(length // 10, length - length // 10) for length in stack.shape[1:])
    contrast = np.subtract(*np.percentile(stack[:, rows, columns], [99, 1], axis=(1, 2)))[:, None]
    lines_along = {1: stack[:, rows], 2: stack[:, :, columns]}
    for axis, sides in ((1, ("left", "right")), (2, ("bottom", "top"))):
        spread = np.subtract(*np.percentile(lines_along[axis], [95, 5], axis=axis))
        uniform = spread <= UNIFORM * contrast
        for side, lines in zip(sides, (uniform, uniform[:, ::-1]), strict=True):
            width = int(max(_leading(line) for line in lines))
            if width > max(2, WIDEST_FRAME * lines.shape[1]):
                log.warning("the images have a uniform band of %d pixels at the %s: kept", width, side)
                width = 0
            widths[side] = width
    return widths["left"], widths["right"], widths["bottom"], widths["top"]


def _natural(path: Path) -> tuple:
    """Sort key under which 2 comes before 10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", path.name))


def _check_numbers(folder: Path, files: list[Path], ignored: list[Path]) -> None:
    """Refuse two images of one number; tell of numbers that are missing and of images that are not used."""
    numbers = [int(file.stem) for file in files]
    for first, second, one, two in zip(numbers, numbers[1:], files, files[1:], strict=False):
        if first == second:
            raise InputError(f"{folder} holds {one.name} and {two.name}, both number {first}; remove one.")
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if missing:
        log.warning("%s: %d numbers between %s and %s are missing", folder, missing, files[0].name, files[-1].name)
    if ignored:
        log.warning("%s: ignored %s, not named by a number", folder, ", ".join(file.name for file in ignored))


def _read_image(path: Path, most: int) -> tuple[np.ndarray, str]:
    """Grey levels (y, x), float32, row 0 at the top, and their units; at most so many pixels."""
    try:
        with Image.open(path, formats=("PNG", "TIFF")) as image:  # of others, Pillow runs programs for some
            if math.prod(image.size) > most:
                raise ValueError(f"{image.width} x {image.height} pixels are too many for a stack of so many images")
            frames = getattr(image, "n_frames", 1)
            if image.mode in ("I", "F") or image.mode.startswith("I;16"):
                pixels, units = np.asarray(image, dtype=np.float32), "grey level"
                if image.mode == "F":
                    units = "as in the file"
            elif image.mode in ("1", "L", "LA", "La"):
                pixels, units = np.asarray(image.convert("L"), dtype=np.float32), "grey level"
            else:
                pixels, units = np.asarray(image.convert("RGB")) @ LUMINANCE, "grey level"
    except Exception as error:  # a damaged image has many ways to fail
        raise InputError(f"{path} cannot be decoded as an image ({error}); export it again.") from error
    if frames > 1:
        raise InputError(f"{path} holds {frames} images; save each of them as a file of its own.")
    bad = int(np.count_nonzero(~np.isfinite(pixels)))
    if bad:
        raise InputError(f"{path} has {bad} pixels that are NaN or infinite; fill or crop them and export it again.")
    rows, columns = pixels.shape
    if np.ptp(pixels[rows // 10 : rows - rows // 10, columns // 10 : columns - columns // 10]) == 0:
        raise InputError(f"{path} is the same grey everywhere; export it again, or remove it from the folder.")
    return pixels.astype(np.float32), units


def _check_sizes(files: list[Path], images: tuple[np.ndarray, ...]) -> None:
    """Refuse images of different sizes, or too small to hold a molecule."""
    rows, columns = images[0].shape
    for file, image in zip(files, images, strict=True):
        if image.shape != (rows, columns):
            raise InputError(
                f"{files[0].parent}: the images must have one size, but {files[0].name} has {columns} x {rows} pixels"
                f" and {file.name} has {image.shape[1]} x {image.shape[0]}; export them alike."
            )
    if min(rows, columns) < SMALLEST_SIDE:
        raise InputError(
            f"{files[0].parent}: the images have {columns} x {rows} pixels; at least"
            f" {SMALLEST_SIDE} on each side are needed."
        )


def _leading(flags: np.ndarray) -> int:
    """Number of leading true values."""
    return len(flags) if flags.all() else int(np.argmin(flags))
