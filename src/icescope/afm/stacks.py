"""Stacks of images of many windows, at the paper's heights above the mean oxygen plane."""

import logging

import numpy as np
import xarray as xr
from ase import Atoms

from icescope.afm.relaxation import Tip
from icescope.afm.simulation import Scan, simulate
from icescope.progress import track
from icescope.structures.samples import atoms_of

log = logging.getLogger(__name__)

BATCH = 8


def image_heights(afm: dict) -> np.ndarray:
    """Published tip heights of the images, A: from the tip's outmost metal atom to the mean oxygen plane."""
    first, last = afm["heights"]
    return first + afm["height_step"] * np.arange(round((last - first) / afm["height_step"]) + 1)


def window_scan(window_size: list[float], afm: dict) -> Scan:
    """Scan of a window whose mean oxygen plane is at z = 0: pixel centres, and heights with room for the oscillation.

    The anchor of the tip stands `height_offset` from the published height: taken literally, the published heights leave
    no atomic contrast, because the Pauli repulsion ends some 4 A above an atom.
    """
    heights = image_heights(afm) + afm["height_offset"]
    beyond = afm["height_step"] * np.arange(1, np.ceil(afm["amplitude"] / afm["height_step"] - 1e-6) + 1)
    tip_height = np.concatenate([heights[0] - beyond[::-1], heights, heights[-1] + beyond])
    x, y = ((np.arange(afm["pixels"]) + 0.5) * side / afm["pixels"] for side in window_size[:2])
    return Scan(x, y, tip_height)


def mean_oxygen_height(atoms: Atoms, size: list[float]) -> float:
    """Mean height of the oxygens whose x and y lie inside the window, A."""
    inside = ((atoms.positions[:, :2] >= 0) & (atoms.positions[:, :2] < size[:2])).all(1)
    return float(atoms.positions[inside & (atoms.numbers == 8), 2].mean())


def simulate_windows(windows: xr.Dataset, afm: dict) -> xr.Dataset:
    """AFM stacks of the samples of a "windows" store.

    Parameters
    ----------
    windows
        See `structures.windows.cut_windows`.
    afm
        The configuration's block of that name.

    Returns
    -------
    The windows' dataset with `frequency_shift` (sample, height, y, x), Hz, in half precision; `mean_oxygen_height`
    (sample), A; and `unconverged` (sample), points at which the probe found no equilibrium. The coordinate `height`
    is the published scale.
    """
    size = windows.attrs["window_size"]
    scan, tip = window_scan(size, afm), Tip(**afm["tip"])
    planes, images, unconverged = [], [], []
    starts = range(0, windows.sizes["sample"], BATCH)
    for start in track(starts, "AFM stacks", len(starts)):
        batch = [atoms_of(windows, i) for i in range(start, min(start + BATCH, windows.sizes["sample"]))]
        for atoms in batch:
            planes.append(mean_oxygen_height(atoms, size))
            atoms.positions[:, 2] -= planes[-1]
        result = simulate(batch, tip, scan, afm["amplitude"], afm["f0"], afm["k0"])
        images.append(result.frequency_shift.values.astype(np.float16))
        unconverged.append(result.unconverged.values)
    if missing := int(np.sum(np.concatenate(unconverged))):
        log.warning("the probe found no equilibrium at %d points of %d windows", missing, windows.sizes["sample"])
    return windows.assign(
        frequency_shift=(("sample", "height", "y", "x"), np.concatenate(images), {"units": "Hz"}),
        mean_oxygen_height=("sample", np.array(planes, np.float32), {"units": "A"}),
        unconverged=("sample", np.concatenate(unconverged).astype(np.int32), {"units": "1"}),
    ).assign_coords(
        height=("height", image_heights(afm), {"units": "A"}),
        y=("y", scan.y, {"units": "A"}),
        x=("x", scan.x, {"units": "A"}),
    )
