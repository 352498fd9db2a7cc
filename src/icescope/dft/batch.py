"""Potentials of many clusters, one after another: each is kept as soon as it is done, and failures are set aside."""

import hashlib
import json
import logging
import shutil
import time
from pathlib import Path

import numpy as np
import pyscf
import xarray as xr
from ase import Atoms

from icescope.dft.potential import potential_grid
from icescope.errors import InputError
from icescope.progress import track
from icescope.storage import check_archive, whole_file
from icescope.structures.samples import atoms_of

log = logging.getLogger(__name__)

NUMBERS = {"energy": "eV", "error_rms": "meV", "error_max": "meV", "time": "s"}  # of each sample, with their units


def hydrate_potentials(structures: xr.Dataset, dft: dict, folder: str | Path, code: str) -> xr.Dataset:
    """Electrostatic potentials of the samples of a "hydrates" store.

    Single precision slabs are stored rather than the fitted coefficients that they come from: at 0.25 A
    a slab is 0.9 MB, as much as the stack of images made from it, and any program can read it, without the basis.

    Parameters
    ----------
    structures
        See `structures.hydrate_sets.relaxed_hydrates`.
    dft
        The configuration's block of that name: functional, basis, step (A), beside (A) and heights (A).
    folder
        Where each finished structure is kept until the store is whole; those found there are not computed again.
    code
        Hash of the code, so that what other code left there is not taken.

    Returns
    -------
    Dataset
        Kind "hydrate_potentials": `potential` (sample, x, y, z), V; `converged` (sample); `energy`, eV; `error_rms` and
        `error_max`, meV, of the potential against exact integrals at sampled points; `time`, s, of the processor. x and
        y count from the window's corner, z from `layer_height`. Attributes (JSON, by sample): `remedy`, what
        convergence took, and `set_aside`, why a structure has no potential; its values are then not numbers.
    """
    axes = slab_axes(structures.attrs["window_size"], dft)
    shape = [len(axis) for axis in axes]
    count = structures.sizes["sample"]
    potential = np.full((count, *shape), np.nan, np.float32)
    numbers = {name: np.full(count, np.nan) for name in NUMBERS}
    remedies, set_aside = [""] * count, {}
    for sample in track(range(count), "DFT potentials", count):
        atoms = atoms_of(structures, sample)
        one = _kept(atoms, axes, float(structures.layer_height[sample]), dft, Path(folder), code)
        if "set_aside" in one:
            set_aside[sample] = str(one["set_aside"])
            log.warning("sample %d (%s) is set aside: %s", sample, atoms.get_chemical_formula(), set_aside[sample])
            continue
        potential[sample] = one["potential"]
        remedies[sample] = str(one["remedy"])
        for name, values in numbers.items():
            values[sample] = one[name]
    log.info("%d of %d structures have a potential", count - len(set_aside), count)
    return xr.Dataset(
        {
            "potential": (("sample", "x", "y", "z"), potential, {"units": "V"}),
            "converged": ("sample", np.array([n not in set_aside for n in range(count)]), {"units": "1"}),
            "layer_height": structures.layer_height,
            "member": structures.member,
            **{name: ("sample", values, {"units": NUMBERS[name]}) for name, values in numbers.items()},
        },
        {name: (name, axis, {"units": "A"}) for name, axis in zip("xyz", axes, strict=True)},
        {
            "window_size": structures.attrs["window_size"],
            "functional": dft["functional"],
            "basis": dft["basis"],
            "remedy": json.dumps(remedies),
            "set_aside": json.dumps(set_aside),
            "pyscf_version": pyscf.__version__,
            "numpy_version": np.__version__,
        },
    )


def slab_axes(size: list[float], dft: dict) -> list[np.ndarray]:
    """Axes x, y, z of a potential's nodes, A: x and y from the window's corner, z from the layer's height."""
    beside, (low, high), step = dft["beside"], dft["heights"], dft["step"]
    return [
        start + step * np.arange(np.ceil((end - start) / step - 1e-6) + 1)
        for start, end in ((-beside, size[0] + beside), (-beside, size[1] + beside), (low, high))
    ]


def remove_kept(folder: str | Path) -> None:
    """Remove the folder of finished structures, once their store is whole."""
    shutil.rmtree(folder, ignore_errors=True)


def _kept(atoms: Atoms, axes: list[np.ndarray], layer: float, dft: dict, folder: Path, code: str) -> dict:
    """What `_computed` gives, from its file where it was computed before."""
    key = hashlib.sha256(json.dumps([dft, layer, code], sort_keys=True).encode())
    for array in (atoms.numbers, atoms.positions, *axes):
        key.update(np.ascontiguousarray(array).tobytes())
    path = folder / f"{key.hexdigest()[:24]}.npz"
    if not path.is_file():
        one = _computed(atoms, axes, layer, dft)
        with whole_file(path) as partial:
            np.savez(partial, **one)
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except Exception as error:  # a damaged file has many ways to fail
        raise InputError(f"{path} is damaged ({error}); remove it and run again.") from error


def _computed(atoms: Atoms, axes: list[np.ndarray], layer: float, dft: dict) -> dict:
    """Potential (x, y, z), V, and numbers of one structure; or the sentence that says why there is none."""
    begun = time.process_time()
    x, y, z = axes
    charge = round(atoms.get_initial_charges().sum())
    try:
        grid = potential_grid(atoms, x, y, z + layer, charge=charge, xc=dft["functional"], basis=dft["basis"])
    except InputError as error:
        return {"set_aside": str(error)}
    log.info(
        "%s: %.1f s, energy %.3f eV, error %.4f meV rms",
        *(atoms.get_chemical_formula(), time.process_time() - begun),
        *(grid.attrs["energy_eV"], grid.attrs["error_rms_meV"]),
    )
    return {
        "potential": grid.potential.values.astype(np.float32),
        "energy": grid.attrs["energy_eV"],
        "error_rms": grid.attrs["error_rms_meV"],
        "error_max": grid.attrs["error_max_meV"],
        "remedy": grid.attrs["remedy"],
        "time": time.process_time() - begun,
    }
