"""Windows of a water film: what an AFM tip sees of it, cut from a trajectory at random places and depths."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import xarray as xr

from icescope.errors import InputError
from icescope.md.force_field import species_table
from icescope.md.trajectory import film_indices, open_film
from icescope.structures.molecule import whole_molecules
from icescope.structures.samples import in_window

TRIES_PER_WINDOW = 50


@dataclass(frozen=True)
class Window:
    """Where and when a window was cut: lower corner (3,), A, z above the topmost metal plane; frame; time, ps."""

    origin: np.ndarray
    frame: int
    time: float


def cut_windows(topology: str | Path, trajectory: str | Path, windows: dict, seed: int) -> xr.Dataset:
    """Cut windows of a film at random frames, places and heights.

    The height of a window's lower face is uniform from half a window below the lowest oxygen of its frame to
    half a window below the highest, so that contact layer, inner layers and outer surface are all sampled.

    Parameters
    ----------
    topology, trajectory
        Files that `run_film` wrote.
    windows
        Config block `windows`: size (x, y, z) and margin, A; per_trajectory; minimum_molecules.
    seed
        Seed of the frames and origins.

    Returns
    -------
    Dataset
        Kind "windows": atoms of all samples one after another (dimension `atom`), `atom_count` of each sample.
        `position` is relative to the window's corner in x and y and to the topmost metal plane in z. Atoms with
        0 <= x < size[0] and 0 <= y < size[1] are those to find; the others, in the margin, are context, and may be
        periodic copies of one another or of those inside. `molecule` numbers the entries of a sample, copies too.

    Raises
    ------
    InputError
        A file cannot be read, the cell is too small, or the film is too thin for the windows asked for.
    """
    universe = open_film(topology, trajectory)
    oxygens, metal = film_indices(universe)
    size, margin = np.asarray(windows["size"], dtype=float), float(windows["margin"])
    cell = universe.dimensions[:3].astype(float)
    if (size[:2] > cell[:2]).any():
        raise InputError(
            f"Windows of {size[0]:g} x {size[1]:g} A do not fit the cell of {cell[0]:.1f} x {cell[1]:.1f} A of "
            f"{trajectory}; raise films.repeats, or lower windows.size."
        )
    wanted = windows["per_trajectory"]
    rng = np.random.default_rng(seed)
    cut, places = [], []
    for _ in range(TRIES_PER_WINDOW * wanted):
        if len(cut) == wanted:
            break
        frame = universe.trajectory[int(rng.integers(len(universe.trajectory)))]
        molecules = _whole_molecules(frame.positions, oxygens, metal, cell)
        low, high = molecules[:, 0, 2].min(), molecules[:, 0, 2].max()
        origin = rng.uniform([0, 0, low - size[2] / 2], [cell[0], cell[1], high - size[2] / 2])
        window = cut_window(molecules, cell, origin, size, margin)
        if in_window(window[:, 0], size).sum() >= windows["minimum_molecules"]:
            cut.append(window)
            places.append(Window(origin, frame.frame, frame.time))
    if len(cut) < wanted:
        raise InputError(
            f"Only {len(cut)} of {wanted} windows of {trajectory} hold {windows['minimum_molecules']} molecules; "
            "lower windows.minimum_molecules, or raise the water coverage."
        )
    return _dataset(cut, places, size, margin)


def cut_window(
    molecules: np.ndarray, cell: np.ndarray, origin: np.ndarray, size: np.ndarray, margin: float
) -> np.ndarray:
    """Molecules and their periodic copies whose oxygen lies in a window or in its lateral margin, whole.

    Parameters
    ----------
    molecules
        Positions (molecule, 3 atoms O H H, xyz), A, whole.
    cell
        Edges (3,) of the periodic cell, A.
    origin
        Lower corner (3,) of the window, A.
    size
        Edges (3,) of the window, A; at most the cell's along x and y, so that no molecule is in the window twice.
    margin
        Width of the context around the window, A; may reach beyond the cell.

    Returns
    -------
    ndarray
        Positions (molecule, 3, 3), A: x and y relative to the origin, z as it was.
    """
    height = molecules[:, 0, 2]
    layer = molecules[(height >= origin[2]) & (height < origin[2] + size[2])]
    oxygen = layer[:, 0, :2]
    first = (oxygen - origin[:2] + margin) % cell[:2] - margin  # of the copies with -margin <= x, y, the lowest
    copies = [range(int(count)) for count in np.ceil((size[:2] + 2 * margin) / cell[:2])]
    window = []
    for steps in product(*copies):
        lateral = first + cell[:2] * steps
        chosen = (lateral < size[:2] + margin).all(axis=1)
        copy = layer[chosen]
        copy[:, :, :2] += (lateral - oxygen)[chosen, None]
        window.append(copy)
    return np.concatenate(window)


def _whole_molecules(positions: np.ndarray, oxygens: np.ndarray, metal: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Molecules (molecule, 3, 3), A, made whole by the nearest image, z above the topmost metal plane."""
    molecules = whole_molecules(positions[oxygens[:, None] + np.arange(3)].astype(float), cell)
    molecules[:, :, 2] -= positions[metal, 2].max()
    return molecules


def _dataset(cut: list[np.ndarray], places: list[Window], size: np.ndarray, margin: float) -> xr.Dataset:
    """Dataset of kind "windows" from the molecules of each window and where it was cut."""
    counts = np.array([len(window) for window in cut])
    molecules = counts.sum()
    table = species_table()
    molecule = np.concatenate([np.arange(count) for count in counts])
    columns = {
        "position": (("atom", "xyz"), np.concatenate(cut).reshape(-1, 3), "float32", "A"),
        "number": (("atom",), np.tile([8, 1, 1], molecules), "uint8", "1"),
        "charge": (("atom",), np.tile([table[s].charge for s in "OHH"], molecules), "float32", "e"),
        "molecule": (("atom",), np.repeat(molecule, 3), "int32", "1"),
        "atom_count": (("sample",), 3 * counts, "int32", "1"),
        "origin": (("sample", "xyz"), np.array([place.origin for place in places]), "float32", "A"),
        "frame": (("sample",), np.array([place.frame for place in places]), "int32", "1"),
        "time": (("sample",), np.array([place.time for place in places]), "float32", "ps"),
    }
    return xr.Dataset(
        {name: (dims, values.astype(kind), {"units": units}) for name, (dims, values, kind, units) in columns.items()},
        attrs={"window_size": size.tolist(), "margin": margin},
    )
