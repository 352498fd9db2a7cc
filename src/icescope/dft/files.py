"""Electrostatic potentials from other programs, and in the files that they read: Gaussian cube, VASP LOCPOT, XSF."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from ase import Atoms
from ase.calculators.vasp import VaspChargeDensity
from ase.io.cube import read_cube
from ase.io.cube import write_cube as write_ase_cube
from ase.io.xsf import read_xsf
from matplotlib.figure import Figure

from icescope.dft.density import HARTREE
from icescope.errors import InputError
from icescope.storage import read, whole_file, whole_folder, write

# Volts of one unit of what a file may hold: a potential, or the energy of an electron in it.
QUANTITIES = {
    "V": 1.0, "Hartree/e": HARTREE, "electron eV": -1.0, "electron Hartree": -HARTREE, "electron Rydberg": -HARTREE / 2,
}  # fmt: skip
# What the programs write: Gaussian's and PySCF's cubes a potential, VASP and the Hartree files of ppafm an energy.
USUAL = {"cube": "Hartree/e", "LOCPOT": "electron eV", "xsf": "electron eV", "zarr": "V"}
SKEW = 1e-4  # of an edge's length, that it may lean
SAME_CELL = 0.01  # A, by which the edges of two cells may differ
FINEST, COARSEST, FARTHEST = 1e-3, 10.0, 1e4  # A, of the steps of a grid and its origin


def read_potential(path: str | Path, quantity: str | None = None) -> xr.DataArray:
    """Read an electrostatic potential as `icescope.afm.simulate` takes it.

    Parameters
    ----------
    path
        A Gaussian cube (.cube, .cub), an XSF file (.xsf), a VASP LOCPOT (a name that begins so), or the
        potential.zarr.zip of `icescope potential`.
    quantity
        What the file holds, one of QUANTITIES; by its format when not given: a cube "Hartree/e", LOCPOT and XSF
        "electron eV", ours "V". Quantum ESPRESSO's pp.x writes "electron Rydberg" into either format.

    Returns
    -------
    DataArray (x, y, z), V, positive where a positive charge is repelled; x, y, z in A. An axis of a periodic cell
    has each plane once.

    Raises
    ------
    InputError
        The file is missing or cannot be read, the quantity is unknown, or the grid's axes are not along x, y and z.
    """
    path = Path(path)
    kind = _kind(path)
    quantity = quantity or USUAL[kind]
    if quantity not in QUANTITIES:
        raise InputError(f"a file cannot hold {quantity!r}; take one of {', '.join(QUANTITIES)}.")
    if not os.path.isfile(path):
        raise InputError(f"{path} does not exist; give a cube, LOCPOT, XSF or potential.zarr.zip file.")
    try:
        values, origin, step = READERS[kind](path)
        if values.ndim != 3 or min(values.shape) < 2 or np.shape(step) != (3, 3) or np.shape(origin) != (3,):
            raise ValueError("no grid with points along three axes")
    except Exception as error:  # the readers of ASE have many ways to fail
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read as a potential in {kind} format ({why}).") from error
    edges = np.diag(step)
    if not all(np.isfinite(numbers).all() for numbers in (values, origin, step)):
        raise InputError(f"{path} holds values that are not finite numbers.")
    if np.abs(step - np.diag(edges)).max() > SKEW * np.abs(edges).min() or (edges <= 0).any():
        raise InputError(f"the grid of {path} is not along x, y and z; make a rectangular cell of it.")
    if edges.min() < FINEST or edges.max() > COARSEST or np.abs(origin).max() > FARTHEST:
        raise InputError(
            f"the grid of {path} has steps of {', '.join(f'{edge:.2g}' for edge in edges)} A from"
            f" {', '.join(f'{start:.2g}' for start in origin)} A, which no potential has; check its units."
        )
    axes = [start + edge * np.arange(count) for start, edge, count in zip(origin, edges, values.shape, strict=True)]
    return xr.DataArray(
        values * QUANTITIES[quantity],
        {name: (name, axis, {"units": "A"}) for name, axis in zip("xyz", axes, strict=True)},
        ("x", "y", "z"),
        "potential",
        {"units": "V", "source": f"{path.name}, {quantity}"},
    )


def repeat_potential(
    potential: xr.DataArray, x: Sequence[float], y: Sequence[float], margin: float = 2.0
) -> xr.DataArray:
    """Extend a potential that is periodic in x and y, so that it covers a scan.

    Parameters
    ----------
    potential
        (x, y, z), evenly spaced; its periods are its numbers of planes times their distances.
    x, y
        Coordinates to cover, lowest and highest, or all of a scan, A.
    margin
        For the probe's way sideways, A.

    Returns
    -------
    DataArray (x, y, z) with the same spacing, and planes at the same places.
    """
    for name, wanted in (("x", x), ("y", y)):
        axis = potential[name].values
        step = (axis[-1] - axis[0]) / (len(axis) - 1)
        first = int(np.floor((np.min(wanted) - margin - axis[0]) / step))
        last = int(np.ceil((np.max(wanted) + margin - axis[0]) / step))
        index = np.arange(first, last + 1)
        potential = potential.isel({name: index % len(axis)})
        potential = potential.assign_coords({name: (name, axis[0] + step * index, {"units": "A"})})
    return potential


def repeat_with_cell(potential: xr.DataArray, atoms: Atoms, x: Sequence[float], y: Sequence[float]) -> xr.DataArray:
    """`repeat_potential` where structure and potential have the same cell in x and y; else the potential as it is."""
    periods = [len(potential[name]) * float(potential[name][1] - potential[name][0]) for name in "xy"]
    same = np.abs(atoms.cell.array[:2, :2] - np.diag(periods)).max() < SAME_CELL
    return repeat_potential(potential, x, y) if same and atoms.pbc[:2].all() else potential


def write_cube(path: str | Path, potential: xr.DataArray, atoms: Atoms, comment: str = "") -> None:
    """Write an evenly spaced potential (x, y, z), V, with its atoms as a Gaussian cube, in Hartree/e and bohr.

    Raises
    ------
    InputError
        The grid is not evenly spaced, or the file cannot be written.
    """
    potential = potential.transpose("x", "y", "z")
    axes = [potential[name].values for name in "xyz"]
    if not all(map(_is_even, axes)):
        raise InputError("a cube file needs an evenly spaced grid; give one, or write a Zarr store.")
    lengths = [len(axis) * (axis[-1] - axis[0]) / (len(axis) - 1) for axis in axes]
    boxed = Atoms(atoms.numbers, atoms.positions, cell=lengths)
    title = " ".join(f"Electrostatic potential in Hartree/e {comment}".split())
    with whole_file(path) as partial, open(partial, "w", encoding="utf-8") as file:
        write_ase_cube(file, boxed, potential.values / HARTREE, [axis[0] for axis in axes], title)


def write_potential(
    dataset: xr.Dataset,
    atoms: Atoms,
    figure: Figure,
    formats: list[str],
    folder: str | Path,
    provenance: dict[str, str],
) -> None:
    """Write a potential into a new folder, whole or not at all.

    The folder gets `plane.png`, and for each format `potential.zarr.zip` (kind "potential") or `potential.cube`.

    Parameters
    ----------
    dataset
        From `potential.potential_grid`.
    figure
        From `figures.potential.draw_plane`.
    formats
        Any of "zarr", "cube".

    Raises
    ------
    InputError
        The folder exists and is not empty, or cannot be written.
    """
    with whole_folder(folder) as partial:
        figure.savefig(partial / "plane.png", metadata={"Software": None})
        if "zarr" in formats:
            write(dataset, partial / "potential.zarr.zip", "potential", provenance)
        if "cube" in formats:
            what = "{functional}/{basis}, charge {charge:+d}, icescope".format(**dataset.attrs)
            write_cube(partial / "potential.cube", dataset.potential, atoms, what)


def _kind(path: Path) -> str:
    if path.suffix.lower() in (".cube", ".cub"):
        return "cube"
    if path.suffix.lower() == ".xsf":
        return "xsf"
    if path.name.upper().startswith("LOCPOT"):
        return "LOCPOT"
    if path.name.lower().endswith(".zarr.zip"):
        return "zarr"
    raise InputError(f"{path.name} is no known potential; name it .cube, .xsf, LOCPOT or .zarr.zip.")


def _is_even(axis: np.ndarray) -> bool:
    steps = np.diff(axis)
    return np.ptp(steps) <= 1e-3 * steps.mean()


def _read_cube(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (x, y, z), origin (3,) and steps (3, 3), A."""
    with open(path, encoding="utf-8") as file:
        content = read_cube(file)
    return content["data"], content["origin"], content["spacing"]


def _read_locpot(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    content = VaspChargeDensity(str(path))
    values = content.chg[0] * content.atoms[0].get_volume()  # ASE divides, as charges want it
    return values, np.zeros(3), content.atoms[0].cell.array / np.array(values.shape)[:, None]


def _read_xsf(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with open(path, encoding="utf-8") as file:
        values, origin, spans, *_ = read_xsf(file, read_data=True)
    step = np.array(spans) / (np.array(values.shape)[:, None] - 1)  # a span goes from the first plane to the last
    for axis in range(3):  # of a periodic cell the last plane is the first one again
        first, last = values.take(0, axis), values.take(-1, axis)
        if np.allclose(first, last, rtol=0, atol=1e-6 * np.ptp(values)):
            values = values.take(range(values.shape[axis] - 1), axis)
    return values, np.array(origin), step


def _read_zarr(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    potential = read(path, "potential")["potential"].transpose("x", "y", "z")
    axes = [potential[name].values for name in "xyz"]
    if not all(map(_is_even, axes)):
        raise ValueError("its grid is not evenly spaced")
    step = [(axis[-1] - axis[0]) / (len(axis) - 1) for axis in axes]
    return potential.values.astype(float), np.array([axis[0] for axis in axes]), np.diag(step)


READERS = {"cube": _read_cube, "LOCPOT": _read_locpot, "xsf": _read_xsf, "zarr": _read_zarr}
