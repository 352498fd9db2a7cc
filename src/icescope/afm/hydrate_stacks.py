"""AFM stacks of hydrates from their DFT potentials, and from point charges for comparison."""

import json

import numpy as np
import xarray as xr
from ase import Atoms
from scipy.interpolate import make_interp_spline

from icescope.afm import Tip, simulate
from icescope.afm.heights import window_origin_height
from icescope.afm.interaction import COULOMB
from icescope.afm.stacks import simulate_windows, window_scan
from icescope.errors import InputError
from icescope.structures.samples import atoms_of, take_samples

ELECTROSTATICS = ("dft", "charges")


def simulate_hydrates(structures: xr.Dataset, potentials: xr.Dataset, afm: dict, electrostatics: str) -> xr.Dataset:
    """AFM stacks of those hydrates that have a potential.

    Parameters
    ----------
    structures
        See `structures.hydrate_sets.relaxed_hydrates`.
    potentials
        Of the same structures, see `dft.batch.hydrate_potentials`.
    afm
        The configuration's block of that name. Where heights count from the mean oxygen they do so here from
        `layer_height`, which is the same but for hydrates with waters above the others.
    electrostatics
        "dft" for the potentials, or "charges" for the point charges of the structures.

    Returns
    -------
    Dataset of kind "afm_stacks", see `afm.stacks.simulate_windows`; in the attributes `electrostatics`.

    Raises
    ------
    InputError
        The potentials are of other structures, none is usable, or they do not reach as far as the probe.
    """
    if electrostatics not in ELECTROSTATICS:
        raise InputError(f"the electrostatics must be one of {', '.join(ELECTROSTATICS)}, not {electrostatics!r}.")
    structures, potentials = usable(structures, potentials)
    origins = np.array([origin(structures, i, afm) for i in range(structures.sizes["sample"])])
    fields = above_origin(potentials, origins) if electrostatics == "dft" else None
    stacks = simulate_windows(structures, afm, origins, fields)
    return stacks.assign_attrs(electrostatics=electrostatics)


def usable(structures: xr.Dataset, potentials: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """The samples that have a potential, of both stores; see `simulate_hydrates`."""
    same = structures.sizes["sample"] == potentials.sizes["sample"]
    if not same or not np.allclose(structures.layer_height, potentials.layer_height, atol=1e-4):
        raise InputError("the potentials are not of these structures; run the rule hydrate_potentials again.")
    converged = potentials.converged.values.astype(bool)
    if not converged.any():
        reasons = [*json.loads(potentials.attrs.get("set_aside", "{}")).values(), "not converged."]
        raise InputError(f"none of these structures has a potential; the first: {reasons[0]}")
    atoms = np.repeat(converged, structures.atom_count)
    return structures.isel(sample=converged, atom=atoms), potentials.isel(sample=converged)


def with_waters(structures: xr.Dataset, waters: int) -> int:
    """The first sample that has so many waters."""
    found = np.flatnonzero(structures.atom_count.values == 1 + 3 * waters)
    if not len(found):
        raise InputError(f"none of the hydrates that have a potential has {waters} waters; make more of them.")
    return int(found[0])


def origin(structures: xr.Dataset, sample: int, afm: dict) -> float:
    """Height that the tip's heights above a hydrate count from, A."""
    if afm["height_origin"] == "mean_oxygen":
        return float(structures.layer_height[sample])
    return window_origin_height(atoms_of(structures, sample), structures.attrs["window_size"], afm["height_origin"])


def above_origin(potentials: xr.Dataset, origins: np.ndarray) -> list[xr.DataArray]:
    """Potential (x, y, z) of each sample, V, z from its origin instead of its layer's height."""
    shifts = potentials.layer_height.values.astype(float) - origins
    return [potentials.potential[i].assign_coords(z=potentials.z + shift) for i, shift in enumerate(shifts)]


def compare_electrostatics(structures: xr.Dataset, potentials: xr.Dataset, sample: int, afm: dict) -> xr.Dataset:
    """What one hydrate looks like to the tip with DFT electrostatics and with point charges.

    Parameters
    ----------
    structures, potentials, afm
        See `simulate_hydrates`.
    sample
        Which one, counted among those that have a potential.

    Returns
    -------
    Dataset with, along `electrostatics` ("charges", "dft"): `potential` (tip_height, y, x), V, where the free probe
    is; `force` (tip_height, y, x), eV/A, on the tip with its relaxed probe; `frequency_shift` (height, y, x), Hz.
    `height` and `tip_height` are those of the tip's anchor above the origin, A. `position` (atom, xyz), A, z from the
    origin, and `number` are those of the hydrate.
    """
    structures, potentials = usable(structures, potentials)
    one = take_samples(structures, sample, sample + 1)
    plane = origin(structures, sample, afm)
    field = above_origin(potentials.isel(sample=[sample]), np.array([plane]))[0]
    atoms = atoms_of(one, 0)
    atoms.positions[:, 2] -= plane
    scan = window_scan(structures.attrs["window_size"], afm)
    tip, sensor = Tip(**afm["tip"]), (afm["amplitude"], afm["f0"], afm["k0"])
    free = scan.x, scan.y, scan.tip_height - tip.length
    felt = {"charges": point_charge_potential(atoms, *free), "dft": field.values.astype(float)}
    for axis, (name, at) in enumerate(zip("xyz", free, strict=True)):
        felt["dft"] = make_interp_spline(field[name].values, felt["dft"], axis=axis)(at)
    results = []
    for name, values in felt.items():
        images = simulate(  # not on a GPU, which so few images do not ask for
            atoms, tip, scan, *sensor, details=True, potential=field if name == "dft" else None, method="numba"
        )
        potential = ("tip_height", "y", "x"), values.T, {"units": "V"}
        results.append(images[["frequency_shift", "force"]].assign(potential=potential))
    return xr.concat(results, xr.Variable("electrostatics", list(felt))).assign(
        position=(("atom", "xyz"), atoms.positions, {"units": "A"}), number=("atom", atoms.numbers, {"units": "1"})
    )


def point_charge_potential(atoms: Atoms, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Potential (x, y, z), V, of the initial charges of isolated atoms on a grid, A: the sum of k q / r."""
    x, y, z = np.meshgrid(x, y, z, indexing="ij", sparse=True)
    return sum(
        COULOMB * charge / np.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2)
        for place, charge in zip(atoms.positions, atoms.get_initial_charges(), strict=True)
    )
