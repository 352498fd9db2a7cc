"""Surroundings of molecules of known phases, drawn from trajectories, to learn from."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from icescope import storage
from icescope.amorphous.frames import settings_at, water_frames
from icescope.amorphous.order import order_parameters
from icescope.amorphous.soap import DESCRIPTOR_SETS, features, soap
from icescope.amorphous.splits import split_at_random, split_by_trajectory
from icescope.errors import InputError

STORED = {"O": "soap_O", "O,H": "soap_OH"}  # variables of the store; H-bond is a part of O,H
SPLITS = ("random", "trajectory")
UNITS = {"tetrahedral_order": "1", "local_structure_index": "Angstrom^2", "local_density": "1/Angstrom^3"}


def draw_environments(
    trajectory: str | Path, topology: str | Path, record: str | Path, number: int, seed: int
) -> xr.Dataset:
    """Descriptors and order parameters of molecules drawn at random, as many of each frame.

    Parameters
    ----------
    trajectory, topology, record
        Of one phase, as `amorphous.ices` makes them; times of frames are those of rows of the record.
    number
        Of molecules, in all.

    Returns
    -------
    Dataset of kind "environments": by molecule its descriptors of the sets STORED, the order parameters of
    `order.order_parameters`, and temperature (K) and pressure (GPa) that were set.

    Raises
    ------
    InputError
        Files that do not belong together, or fewer molecules than are asked for.
    """
    # Gone through twice, so that one frame is in memory at a time.
    seen = [(frame.info["time"], int((frame.numbers == 8).sum())) for frame in water_frames(trajectory, topology)]
    times, oxygens = np.array(seen).T
    if oxygens.sum() < number:
        raise InputError(f"{trajectory} holds {oxygens.sum():.0f} molecules in all frames, and {number} are asked for.")
    rows = settings_at(record, times)
    rng = np.random.default_rng(seed)
    shares = np.diff(np.linspace(0, number, len(times) + 1).round().astype(int))
    parts = []
    for frame, share, row in zip(water_frames(trajectory, topology), shares, rows.itertuples(), strict=True):
        positions = frame.positions[frame.numbers == 8]
        chosen = np.sort(rng.choice(len(positions), share, replace=False))
        order = order_parameters(positions, frame.cell)
        columns = {
            stored: (("molecule", f"feature_{stored}"), soap(frame, name)[chosen]) for name, stored in STORED.items()
        }
        columns |= {name: ("molecule", values[chosen]) for name, values in order.items()}
        columns["temperature"] = ("molecule", np.full(share, row.set_temperature_K))
        columns["pressure"] = ("molecule", np.full(share, row.set_pressure_GPa))
        parts.append(xr.Dataset(columns))
    found = xr.concat(parts, "molecule")
    units = UNITS | {"temperature": "K", "pressure": "GPa"}
    for name, variable in found.data_vars.items():
        variable.attrs["units"] = units.get(name, "1")
    return found


class Environments(NamedTuple):
    """Molecules of some phases: number of the phase (n,) and of the trajectory (n,), and the stores' columns."""

    phase: np.ndarray
    trajectory: np.ndarray
    columns: xr.Dataset

    def descriptors(self, name: str) -> np.ndarray:
        """(n, features) of a set in `soap.DESCRIPTOR_SETS`."""
        if name in STORED:
            return self.columns[STORED[name]].values
        kept = [feature.pair not in DESCRIPTOR_SETS[name].without for feature in features("O,H")]
        return self.columns[STORED["O,H"]].values[:, kept]


def read_environments(paths: Sequence[str | Path], trajectories: int) -> Environments:
    """Stores of kind "environments", those of one phase, as many as `trajectories`, together; phases in their order."""
    parts = [storage.read(path, "environments") for path in paths]
    sizes = [part.sizes["molecule"] for part in parts]
    number = np.repeat(np.arange(len(parts)), sizes)
    return Environments(number // trajectories, number, xr.concat(parts, "molecule", combine_attrs="drop"))


def order_of(environments: Environments) -> dict[str, np.ndarray]:
    """Order parameters (n,) by name."""
    return {name: environments.columns[name].values for name in UNITS}


def split(environments: Environments, name: str, seed: int) -> dict[str, np.ndarray]:
    """Indices of the parts "train", "validation" and "test" by a split of SPLITS.

    Raises
    ------
    InputError
        No such split, or too few trajectories.
    """
    if name == "random":
        return split_at_random(environments.phase, seed)
    if name == "trajectory":
        return split_by_trajectory(environments.phase, environments.trajectory, seed)
    raise InputError(f"there is no split {name!r}; take one of {', '.join(SPLITS)}.")
