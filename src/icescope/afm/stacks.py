"""Stacks of images of many windows, at the paper's heights above a stated origin."""

import logging
from collections.abc import Sequence

import numpy as np
import xarray as xr
from ase import Atoms

from icescope.afm import Scan, Tip, simulate
from icescope.afm.heights import window_origin_height
from icescope.errors import InputError
from icescope.progress import track
from icescope.structures.samples import atoms_of

log = logging.getLogger(__name__)

BATCH = 64  # windows between two steps of the progress bar, and handed to a GPU at once
LEAST_PROBE_HEIGHT = 2.0  # A above the mean oxygen, as `icescope.config` has it for the whole run


def image_heights(afm: dict) -> np.ndarray:
    """Published tip heights of the images, A: of the tip's outmost metal atom above `height_origin`."""
    first, last = afm["heights"]
    return first + afm["height_step"] * np.arange(round((last - first) / afm["height_step"]) + 1)


def window_scan(window_size: list[float], afm: dict) -> Scan:
    """Scan of a window whose origin of heights is at z = 0: pixel centres, and heights with room for the oscillation.

    The anchor of the tip stands `height_offset` from the published height: taken literally, the published heights leave
    no atomic contrast, because the Pauli repulsion ends some 4 A above an atom.
    """
    tip_height = with_room(image_heights(afm) + afm["height_offset"], afm["height_step"], afm["amplitude"])
    x, y = ((np.arange(afm["pixels"]) + 0.5) * side / afm["pixels"] for side in window_size[:2])
    return Scan(x, y, tip_height)


def with_room(heights: np.ndarray, step: float, amplitude: float) -> np.ndarray:
    """Ascending heights, A, carried on in equal steps by the amplitude below the lowest and above the highest."""
    beyond = step * np.arange(1, np.ceil((amplitude - 1e-6) / step) + 1)
    return np.concatenate([heights[0] - beyond[::-1], heights, heights[-1] + beyond])


def count_from(atoms: Atoms, origin: float, scan: Scan, tip: Tip, size: list[float], height_origin: str) -> None:
    """Put a window's origin of heights at z = 0, where `window_scan` has it.

    Raises
    ------
    InputError
        The probe would be inside the water.
    """
    atoms.positions[:, 2] -= origin
    above = scan.tip_height[0] - tip.length - window_origin_height(atoms, size, "mean_oxygen")
    if above < LEAST_PROBE_HEIGHT - 1e-3:
        raise InputError(
            f"heights above {height_origin} put the probe {above:.1f} A above the mean oxygen of a window at the "
            f"lowest point of its oscillation, but it must be at least {LEAST_PROBE_HEIGHT:g} A; raise "
            "afm.height_offset or set afm.height_origin to mean_oxygen."
        )


def simulate_windows(
    windows: xr.Dataset,
    afm: dict,
    origins: Sequence[float] | None = None,
    potentials: Sequence[xr.DataArray] | None = None,
) -> xr.Dataset:
    """AFM stacks of the samples of a "windows" store.

    Parameters
    ----------
    windows
        See `structures.windows.cut_windows`.
    afm
        The configuration's block of that name.
    origins
        The z of each sample that heights count from, A, where it is not that of `height_origin`.
    potentials
        Potential (x, y, z) of each sample, V, in place of that of its charges; z counts from its origin.

    Returns
    -------
    The windows' dataset with `frequency_shift` (sample, height, y, x), Hz, in half precision; `origin_height` (sample),
    A, the z that heights count from; and `unconverged` (sample), points at which the probe found no equilibrium. The
    coordinate `height` is the published scale.

    Raises
    ------
    InputError
        Counted from the metal, the probe would be inside the water of a window.
    """
    size = windows.attrs["window_size"]
    scan, tip = window_scan(size, afm), Tip(**afm["tip"])
    counted_from, images, unconverged = [], [], []
    starts = range(0, windows.sizes["sample"], BATCH)
    for start in track(starts, "AFM stacks", len(starts)):
        some = range(start, min(start + BATCH, windows.sizes["sample"]))
        batch = [atoms_of(windows, i) for i in some]
        for i, atoms in zip(some, batch, strict=True):
            usual = window_origin_height(atoms, size, afm["height_origin"])
            counted_from.append(usual if origins is None else origins[i])
            count_from(atoms, counted_from[-1], scan, tip, size, afm["height_origin"])
        fields = None if potentials is None else [potentials[i] for i in some]  # else those of the charges
        result = simulate(batch, tip, scan, afm["amplitude"], afm["f0"], afm["k0"], potential=fields)
        images.append(result.frequency_shift.values.astype(np.float16))
        unconverged.append(result.unconverged.values)
    if missing := int(np.sum(np.concatenate(unconverged))):
        log.warning("the probe found no equilibrium at %d points of %d windows", missing, windows.sizes["sample"])
    return windows.assign(
        frequency_shift=(("sample", "height", "y", "x"), np.concatenate(images), {"units": "Hz"}),
        origin_height=("sample", np.array(counted_from, np.float32), {"units": "A"}),
        unconverged=("sample", np.concatenate(unconverged).astype(np.int32), {"units": "1"}),
    ).assign_coords(
        height=("height", image_heights(afm), {"units": "A"}),
        y=("y", scan.y, {"units": "A"}),
        x=("x", scan.x, {"units": "A"}),
    )
