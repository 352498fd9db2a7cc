"""Simulated stacks as files: images that `read_stack` reads, and arrays for Python and for Gwyddion."""

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from icescope.afm.instrument import to_grey
from icescope.afm.measured import write_stack
from icescope.storage import whole_folder, write

METRE = 1e-10  # of 1 A


def write_simulation(
    stack: xr.Dataset, figure: Figure, formats: list[str], folder: str | Path, provenance: dict[str, str]
) -> None:
    """Write a simulated stack into a new folder, whole or not at all.

    The folder gets `0.png` (the closest to the surface), `1.png`, ..., each from its darkest to its brightest pixel,
    `cell.txt`, `overview.pdf`, and for each format `stack.zarr.zip` (kind "afm_simulation"), `stack.npz`, or `0.gsf`,
    `1.gsf`, ...

    Parameters
    ----------
    stack
        From `afm.structure_stack.simulate_structure`.
    figure
        From `figures.afm_stack.draw_stack`.
    formats
        Any of "zarr", "npz", "gsf".

    Raises
    ------
    InputError
        The folder exists and is not empty, or cannot be written.
    """
    size = image_size(stack)
    images = stack.frequency_shift.values
    with whole_folder(folder) as partial:
        write_stack(partial, to_grey(images), size, "icescope simulate: width and height in nm")
        figure.savefig(partial / "overview.pdf", metadata={"CreationDate": None})
        if "zarr" in formats:
            write(stack, partial / "stack.zarr.zip", "afm_simulation", provenance)
        if "npz" in formats:
            write_npz(partial / "stack.npz", stack)
        if "gsf" in formats:
            for number, (image, height) in enumerate(zip(images, stack.height.values, strict=True)):
                title = f"Frequency shift, tip {height:.3f} A above {stack.attrs['height_origin']}"
                write_gsf(partial / f"{number}.gsf", image, size, title)


def image_size(stack: xr.Dataset) -> tuple[float, float]:
    """Width and height of the images, from edge to edge of their pixels, A."""
    width, height = (len(stack[axis]) * float(stack[axis][1] - stack[axis][0]) for axis in "xy")
    return width, height


def write_npz(path: str | Path, stack: xr.Dataset) -> None:
    """Write `data` (x, y, height), Hz, float32; `x`, `y`, `height`, A; `lengthX` and `lengthY`, the images' size, A."""
    width, height = image_size(stack)
    data = stack.frequency_shift.transpose("x", "y", "height").values.astype(np.float32)
    axes = {axis: stack[axis].values for axis in ("x", "y", "height")}
    np.savez_compressed(path, data=data, lengthX=width, lengthY=height, **axes)


def write_gsf(path: str | Path, image: np.ndarray, size: tuple[float, float], title: str) -> None:
    """Write one image as Gwyddion Simple Field 1.0 (gwyddion.net, user guide, "Simple Field Files").

    Parameters
    ----------
    image : (y, x)
        Frequency shift, Hz, row 0 at the lowest y; in the file the top row comes first.
    size
        Width and height, A.
    title
        One line of text.
    """
    rows, columns = image.shape
    fields = {
        "XRes": columns,
        "YRes": rows,
        "XReal": f"{size[0] * METRE:.9g}",
        "YReal": f"{size[1] * METRE:.9g}",
        "XYUnits": "m",
        "ZUnits": "Hz",
        "Title": title,
    }
    header = "Gwyddion Simple Field 1.0\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())
    text = header.encode()
    padding = bytes(4 - len(text) % 4)  # one to four NULs, so that the numbers start at a multiple of 4
    Path(path).write_bytes(text + padding + np.ascontiguousarray(image[::-1], "<f4").tobytes())
