"""Images of structures: the calls that users script against."""

import logging
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from ase import Atoms
from torch import Tensor

from icescope.afm.energy_grid import EnergyGrid
from icescope.afm.frequency_shift import frequency_shift_matrix
from icescope.afm.gradient import RelaxedForce
from icescope.afm.interaction import Sample, full_precision
from icescope.afm.relaxation import relax
from icescope.afm.relaxation_numba import relax_compiled
from icescope.afm.sample import build_sample
from icescope.afm.scan import Scan
from icescope.afm.tip import Springs, Tip
from icescope.errors import InputError

log = logging.getLogger(__name__)

METHODS = ("fastest", "numba", "triton", "torch", "reference")
REFERENCE_TOLERANCE = 1e-7  # A
LONGEST_DROP = 0.25  # A, between two heights at which the probe relaxes; a longer one may carry it into another minimum
# Scan points (positions x heights x structures) relaxed at once: some 200 MB, and what fills a GPU.
CHUNK = {"cpu": 2**22, "cuda": 2**27}


class Method(NamedTuple):
    """How probes are relaxed: a function with the signature of `relaxation.relax`, where and in which precision."""

    relaxation: Callable
    device: str
    dtype: torch.dtype


@full_precision()
@torch.no_grad()
def simulate(
    atoms: Atoms | Sequence[Atoms],
    tip: Tip,
    scan: Scan,
    amplitude: float = 1.0,
    f0: float = 28700.0,
    k0: float = 1800.0,
    details: bool = False,
    potential: xr.DataArray | xr.Dataset | Sequence[xr.DataArray | xr.Dataset] | None = None,
    method: str = "fastest",
) -> xr.Dataset:
    """Constant-height AFM images by the probe-particle model (Hapala et al. 2014).

    Parameters
    ----------
    atoms
        One structure or several, of different sizes if need be, with initial charges (e). Images are included
        along the directions of `atoms.pbc`; one along z must leave room for the tip. Where `atoms.info["charge"]`
        states a total charge, the initial charges must agree.
    amplitude
        Of the oscillation, zero to peak, A.
    f0, k0
        Resonance frequency (Hz) and stiffness (N/m) of the sensor.
    details
        Also return the force, the probe's positions and where its relaxation converged.
    potential
        Electrostatic potential (x, y, z) of each structure, V, evenly spaced, in place of that of its charges; or what
        `dft.potential_grid` gives, of which `potential` is taken. It must cover the probe's positions; where the probe
        leaves it, it counts as not converged.
    method
        "numba" (CPU), "triton" (GPU) or "torch" (either, the readable version), all in single precision; the
        "reference", in double precision and converged to 1e-7 A; or the "fastest" that this machine has.

    Returns
    -------
    Dataset with `frequency_shift` (height, y, x), Hz, preceded by a `sample` dimension when a sequence was
    given; `height` is the tip's anchor at the centre of the oscillation, A. `unconverged` counts the points at which
    the probe found no equilibrium. With details: `force` (tip_height, y, x), eV/A, on the tip, up positive;
    `probe_position` (tip_height, y, x, xyz), A; `converged` (tip_height, y, x).

    Raises
    ------
    InputError
        A structure, its charges or its potential cannot be used, the scan is too short for the amplitude or starts
        inside an atom, or the method is unknown or not to be had here.
    """
    structures = [atoms] if isinstance(atoms, Atoms) else list(atoms)
    if not structures:
        raise InputError("no structures to simulate; give at least one.")
    potentials = [potential] if isinstance(potential, (xr.DataArray, xr.Dataset)) else potential
    if potentials is not None:
        potentials = [_potential_of(one) for one in potentials]
        if len(potentials) != len(structures):
            raise InputError(
                f"{len(potentials)} potentials were given for {len(structures)} structures; give one for each."
            )
    chosen = _method(method, keep_probe=details)
    centres, matrix = frequency_shift_matrix(scan.tip_height, amplitude, f0, k0)
    matrix = torch.tensor(matrix, dtype=chosen.dtype, device=chosen.device)
    middle, anchor_xy, tip_height, asked = _anchors(scan, chosen)
    plane = (len(scan.y), len(scan.x))
    points = len(anchor_xy) * len(asked)
    held = len(anchor_xy) * len(tip_height) + max((one.size for one in potentials or ()), default=0)
    size = max(1, CHUNK[chosen.device] // held)
    arrays: dict[str, np.ndarray] = {}

    def fetch(part: dict[str, torch.Tensor], some: slice) -> None:
        for name, values in part.items():
            if name not in arrays:
                arrays[name] = np.empty((len(structures), *values.shape[1:]), str(values.dtype).removeprefix("torch."))
            arrays[name][some] = values.cpu().numpy()

    waiting = None
    for start in range(0, len(structures), size):
        some = slice(start, start + size)
        sample = build_sample(structures[some], tip, scan, middle, None if potentials is None else potentials[some])
        probe, force, converged = chosen.relaxation(anchor_xy, tip_height, _moved(sample, chosen), Springs.of(tip))
        if len(asked) < len(tip_height):
            probe, force, converged = (one if one is None else one[:, asked] for one in (probe, force, converged))
        part = {
            "shift": (matrix @ force).unflatten(2, plane),
            "unconverged": points - converged.flatten(1).view(torch.uint8).sum(1),
        }
        if details:
            part |= {"force": force.unflatten(2, plane), "probe": probe.unflatten(2, plane)}
            part["converged"] = converged.unflatten(2, plane)
        # A GPU goes on by itself: what it works at is fetched once the next samples are built and on their way.
        if waiting:
            fetch(*waiting)
        waiting = part, some
    fetch(*waiting)

    dims = ("sample", "tip_height", "y", "x")
    result = xr.Dataset(
        {
            "frequency_shift": (("sample", "height", "y", "x"), arrays["shift"], {"units": "Hz"}),
            "unconverged": ("sample", arrays["unconverged"], {"units": "1"}),
        },
        {
            "height": ("height", centres, {"units": "A"}),
            "y": ("y", scan.y, {"units": "A"}),
            "x": ("x", scan.x, {"units": "A"}),
        },
    )
    if details:
        arrays["probe"] += middle.astype(arrays["probe"].dtype)
        result = result.assign_coords(tip_height=("tip_height", scan.tip_height, {"units": "A"})).assign(
            force=(dims, arrays["force"], {"units": "eV/A"}),
            probe_position=((*dims, "xyz"), arrays["probe"], {"units": "A"}),
            converged=(dims, arrays["converged"], {"units": "1"}),
        )
    return result.isel(sample=0) if isinstance(atoms, Atoms) else result


@full_precision()
def simulate_tensor(
    atoms: Atoms,
    tip: Tip,
    scan: Scan,
    amplitude: float = 1.0,
    f0: float = 28700.0,
    k0: float = 1800.0,
    position: Tensor | None = None,
    charge: Tensor | None = None,
    method: str = "fastest",
) -> Tensor:
    """The frequency shift of one structure, Hz, as a tensor (height, y, x) that carries gradients.

    Gradients flow to `position` (n, 3), A, and `charge` (n,), e, which stand for the atoms' own, and to the tip's
    numbers where they are tensors, all in double precision on the CPU. They are exact at the relaxed probe (implicit
    differentiation: no step of the relaxation is unrolled), in the precision of the method. Points without equilibrium
    take no part in them. For the other arguments and the errors see `simulate`.
    """
    chosen = _method(method)
    matrix = frequency_shift_matrix(scan.tip_height, amplitude, f0, k0)[1]
    middle, anchor_xy, tip_height, asked = _anchors(scan, chosen)
    sample = _moved(build_sample([atoms], tip, scan, middle, position=position, charge=charge), chosen)
    none = anchor_xy.new_zeros(1, 0, 0, 0), *3 * [anchor_xy.new_zeros(1, 3)]
    coefficients, *geometry = none if sample.grid is None else sample.grid
    springs = [torch.as_tensor(one, dtype=chosen.dtype, device=chosen.device) for one in Springs.of(tip)]
    force, _, converged = RelaxedForce.apply(
        chosen.relaxation, anchor_xy, tip_height, sample.dz2, *geometry, *sample[:4], coefficients, *springs
    )
    if missing := int((~converged[:, asked]).sum()):
        log.warning("the probe found no equilibrium at %d points; they take no part in gradients", missing)
    shift = torch.tensor(matrix, dtype=chosen.dtype, device=chosen.device) @ force[0, asked]
    return shift.view(-1, len(scan.y), len(scan.x)).cpu()


def _potential_of(given: xr.DataArray | xr.Dataset) -> xr.DataArray:
    potential = given.get("potential") if isinstance(given, xr.Dataset) else given
    if not isinstance(potential, xr.DataArray):
        raise InputError("a potential must be an xarray.DataArray (x, y, z), or a Dataset with one named potential.")
    return potential


def _anchors(scan: Scan, method: Method) -> tuple[np.ndarray, Tensor, Tensor, list[int]]:
    """Origin of the calculation (3,), anchors (p, 2) and heights (n,) from there, A, and which heights were asked for.

    Single precision keeps its digits when coordinates are counted from the middle of the scan. Where the asked heights
    are far apart, others between them keep the probe on its way.
    """
    parts = np.maximum(np.ceil(np.diff(scan.tip_height) / LONGEST_DROP - 1e-6), 1).astype(int)
    asked = np.concatenate([[0], np.cumsum(parts)])
    heights = np.interp(np.arange(asked[-1] + 1), asked, scan.tip_height)
    middle = np.array([scan.x.mean(), scan.y.mean(), scan.tip_height.mean()])
    y, x = np.meshgrid(scan.y - middle[1], scan.x - middle[0], indexing="ij")
    xy = torch.tensor(np.stack([x.ravel(), y.ravel()], axis=1))
    height = torch.tensor(heights - middle[2])
    return middle, xy.to(method.device, method.dtype), height.to(method.device, method.dtype), asked.tolist()


def _moved(sample: Sample, method: Method) -> Sample:
    to = partial(torch.Tensor.to, device=method.device, dtype=method.dtype)
    grid = None if sample.grid is None else EnergyGrid(*map(to, sample.grid))
    return Sample(*map(to, sample[:4]), sample.dz2, grid)


def _method(name: str, keep_probe: bool = True) -> Method:
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    if name not in METHODS:
        raise InputError(f"the method must be one of {', '.join(METHODS)}, not {name!r}.")
    if name == "fastest":
        name = "numba" if not cuda else "triton" if find_spec("triton") else "torch"
    if name == "triton" and not (find_spec("triton") and (cuda or os.environ.get("TRITON_INTERPRET") == "1")):
        raise InputError('the method "triton" needs a GPU and the package triton, and one of them is not here.')
    threads = torch.get_num_threads()
    where = torch.cuda.get_device_name() if cuda and name != "numba" else f"{threads} CPU thread{'s'[: threads > 1]}"
    _say(f"probe relaxation: {name} on {where}")
    if name == "numba":
        return Method(partial(_relax_numba, keep_probe=keep_probe), "cpu", torch.float32)
    if name == "triton":
        from icescope.afm.relaxation_triton import relax_fused

        return Method(relax_fused, device, torch.float32)
    if name == "torch":
        return Method(relax, device, torch.float32)
    return Method(partial(relax, tolerance=REFERENCE_TOLERANCE), device, torch.float64)


@cache
def _say(sentence: str) -> None:
    """Log a sentence the first time."""
    log.info(sentence)


def _relax_numba(
    anchor_xy: Tensor, tip_height: Tensor, sample: Sample, springs: Springs, keep_probe: bool = True
) -> tuple[Tensor | None, ...]:
    arrays = [one.numpy() for one in sample[:4]]
    grid = None if sample.grid is None else tuple(one.numpy() for one in sample.grid)
    given = (anchor_xy.numpy(), tip_height.numpy(), (*arrays, sample.dz2, grid), springs)
    result = relax_compiled(*given, torch.get_num_threads(), keep_probe)
    return tuple(None if one is None else torch.from_numpy(one) for one in result)
