"""Images of structures: the call that users script against."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
import xarray as xr
from ase import Atoms
from numba import set_num_threads
from numba.core.config import NUMBA_NUM_THREADS

from icescope.afm.frequency_shift import frequency_shift_matrix
from icescope.afm.interaction import Sample, pair_coefficients
from icescope.afm.relaxation import Tip, relax
from icescope.afm.relaxation_numba import relax_compiled
from icescope.errors import InputError

# Whole periodic images are included up to this distance beyond the scanned area, A. The dispersion of an oxygen
# there is below 1e-8 eV, and the field of a neutral layer beyond it has no lateral structure.
IMAGE_REACH = 40.0


@dataclass(frozen=True)
class Scan:
    """Positions of the tip's anchor: x, y and tip_height, 1-D ascending arrays in A, in the structure's frame."""

    x: np.ndarray
    y: np.ndarray
    tip_height: np.ndarray

    def __post_init__(self):
        for name in ("x", "y", "tip_height"):
            values = np.asarray(getattr(self, name), float)
            if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
                raise InputError(f"the scan's {name} must be a 1-D array of finite numbers in A.")
            if (np.diff(values) <= 0).any():
                raise InputError(f"the scan's {name} must be ascending.")
            object.__setattr__(self, name, values)


@torch.no_grad()
def simulate(
    atoms: Atoms | Sequence[Atoms],
    tip: Tip,
    scan: Scan,
    amplitude: float = 1.0,
    f0: float = 28700.0,
    k0: float = 1800.0,
    details: bool = False,
) -> xr.Dataset:
    """Constant-height AFM images by the probe-particle model (Hapala et al. 2014).

    Parameters
    ----------
    atoms
        One structure or several, of different sizes if need be, with initial charges (e). Images are included
        along the directions of `atoms.pbc` in x and y; along z the tip sees one surface, whatever pbc says.
    amplitude
        Of the oscillation, zero to peak, A.
    f0, k0
        Resonance frequency (Hz) and stiffness (N/m) of the sensor.
    details
        Also return the force, the probe's positions and where its relaxation converged.

    Returns
    -------
    Dataset with `frequency_shift` (height, y, x), Hz, preceded by a `sample` dimension when a sequence was
    given; `height` is the tip's anchor at the centre of the oscillation, A. `unconverged` counts the points at which
    the probe found no equilibrium. With details: `force` (tip_height, y, x), eV/A, on the tip, up positive;
    `probe_position` (tip_height, y, x, xyz), A; `converged` (tip_height, y, x).

    Raises
    ------
    InputError
        No atoms, an element without parameters, a charged periodic cell, or a scan too short for the amplitude.
    """
    structures = [atoms] if isinstance(atoms, Atoms) else list(atoms)
    if not structures:
        raise InputError("no structures to simulate; give at least one.")
    centres, matrix = frequency_shift_matrix(scan.tip_height, amplitude, f0, k0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Single precision keeps its digits when coordinates are counted from the middle of the scan.
    middle = np.array([scan.x.mean(), scan.y.mean(), scan.tip_height.mean()])
    sample = _sample([_with_images(one, scan) for one in structures], tip, middle, device)

    def tensor(values):
        return torch.tensor(values, dtype=torch.float32, device=device)

    y, x = np.meshgrid(scan.y - middle[1], scan.x - middle[0], indexing="ij")
    anchor_xy = tensor(np.stack([x.ravel(), y.ravel()], axis=1))
    tip_height = tensor(scan.tip_height - middle[2])
    if device == "cuda":
        probe, force, converged = relax(anchor_xy, tip_height, sample, tip)
    else:
        set_num_threads(min(torch.get_num_threads(), NUMBA_NUM_THREADS))
        arrays = relax_compiled(anchor_xy.numpy(), tip_height.numpy(), tuple(one.numpy() for one in sample), tip)
        probe, force, converged = (torch.from_numpy(one) for one in arrays)
    shift = torch.einsum("mn,bnp->bmp", tensor(matrix), force)

    grid = (len(structures), -1, len(scan.y), len(scan.x))
    dims = ("sample", "height", "y", "x")
    force_dims = ("sample", "tip_height", "y", "x")
    result = xr.Dataset(
        {
            "frequency_shift": (dims, shift.view(grid).cpu().numpy(), {"units": "Hz"}),
            "unconverged": ("sample", (~converged).sum((1, 2)).cpu().numpy(), {"units": "1"}),
        },
        {
            "height": ("height", centres, {"units": "A"}),
            "y": ("y", scan.y, {"units": "A"}),
            "x": ("x", scan.x, {"units": "A"}),
        },
    )
    if details:
        position = probe.view(*grid, 3).cpu().numpy() + middle
        result = result.assign_coords(tip_height=("tip_height", scan.tip_height, {"units": "A"})).assign(
            force=(force_dims, force.view(grid).cpu().numpy(), {"units": "eV/A"}),
            probe_position=((*force_dims, "xyz"), position, {"units": "A"}),
            converged=(force_dims, converged.view(grid).cpu().numpy(), {"units": "1"}),
        )
    return result.isel(sample=0) if isinstance(atoms, Atoms) else result


def _with_images(atoms: Atoms, scan: Scan) -> Atoms:
    """The structure with whole periodic images, so that each scan position has all within IMAGE_REACH."""
    if not len(atoms):
        raise InputError("a structure has no atoms.")
    periodic = [axis for axis in (0, 1) if atoms.pbc[axis]]
    if not periodic:
        return atoms
    if abs(atoms.get_initial_charges().sum()) > 1e-3:
        raise InputError(
            f"a periodic cell carries a charge of {atoms.get_initial_charges().sum():+.3f} e, so its potential is not "
            "defined; neutralise it or switch its periodicity off."
        )
    cell = atoms.cell[:2, :2]
    if any(np.allclose(cell[axis], 0) for axis in periodic):
        raise InputError("a structure is periodic along a direction in which its cell has no length; set the cell.")
    # Cells are taken whole, in a disc about the middle of the scan: a whole cell is neutral, and in a disc the dipoles
    # of the far cells leave no field in its middle.
    vectors = cell[periodic]
    middle = np.array([scan.x[0] + scan.x[-1], scan.y[0] + scan.y[-1]]) / 2
    to_middle = middle - atoms.positions[:, :2].mean(0)
    radius = IMAGE_REACH + np.hypot(np.ptp(scan.x), np.ptp(scan.y)) / 2
    corners = to_middle + radius * np.array(list(product((-1, 1), repeat=2)))
    steps = corners @ np.linalg.pinv(vectors)
    ranges = [np.arange(*bounds) for bounds in zip(np.floor(steps.min(0)), np.ceil(steps.max(0)) + 1, strict=True)]
    shifts = np.array(list(product(*ranges))) @ vectors
    shifts = shifts[np.linalg.norm(shifts - to_middle, axis=1) <= radius]
    images = Atoms()
    for shift in shifts:
        image = atoms.copy()
        image.positions[:, :2] += shift
        images += image
    return images


def _sample(structures: list[Atoms], tip: Tip, middle: np.ndarray, device: str) -> Sample:
    """Structures padded to one size with atoms that exert no force."""
    most = max(map(len, structures))
    position = np.zeros((len(structures), most, 3))
    position[:, :, 2] = -1e3
    coefficients = np.zeros((3, len(structures), most))
    for row, one in enumerate(structures):
        position[row, : len(one)] = one.positions - middle
        coefficients[:, row, : len(one)] = pair_coefficients(
            one.get_chemical_symbols(), one.get_initial_charges(), tip.element, tip.charge
        ).T
    return Sample(*(torch.tensor(a, dtype=torch.float32, device=device) for a in (position, *coefficients)))
