"""Sets of relaxed hydrates, as a store in the form of the films' windows: what the DFT and AFM steps take."""

import logging
from collections.abc import Iterable

import numpy as np
import xarray as xr
from ase import Atoms

from icescope.errors import InputError
from icescope.md.engine import Engine
from icescope.progress import track
from icescope.provenance import derive_seed
from icescope.structures.hydrate import hydrate, without_substrate
from icescope.structures.hydrate_relaxation import relax_hydrate
from icescope.structures.layer import layer_height

EDGE = 4.0  # A, least lateral distance of an atom from the edges of its window
DRAWS = 10  # of a structure that does not come out whole, or not narrow enough, each from another seed

log = logging.getLogger(__name__)


def relaxed_hydrates(
    numbers: Iterable[int], members: dict, hydrates: dict, size: list[float], engine: Engine, seed: int
) -> xr.Dataset:
    """Relax hydrates of one set on their substrate, and take them off it.

    Parameters
    ----------
    numbers
        Which members of the set, from 0. A member depends on its number and the seed alone, not on how many there are.
    members
        The set in the configuration's block `hydrates.sets`: ion, substrate, and waters, a list of which the members
        take each number of waters in turn.
    hydrates
        That block: anneal_temperature (K) and anneal (ps).
    size
        Edges (3,) of the window that each is put into, A: turned about z at random, at a random place, its atoms
        at least EDGE from the edges.
    engine
        As `icescope.md.engines.engine` gives it.
    seed
        Seed of the set.

    Returns
    -------
    Dataset
        Kind "hydrates", like that of `structures.windows.cut_windows`, with `member` (sample), the number; `ion`
        in the attributes; and `layer_height` (sample), A: what AFM heights count from, see `structures.layer`. The ion
        is molecule 0, the waters follow. z counts from the topmost plane of the substrate.

    Raises
    ------
    InputError
        The hydrate or its substrate cannot be, or a member came out whole and inside its window in none of DRAWS
        attempts.
    """
    numbers = list(numbers)
    structures = [
        _member(number, members, hydrates, size, engine, seed) for number in track(numbers, "hydrates", len(numbers))
    ]
    counts = np.array([len(atoms) for atoms in structures])
    columns = {
        "position": (("atom", "xyz"), np.concatenate([atoms.positions for atoms in structures]), "float32", "A"),
        "number": (("atom",), np.concatenate([atoms.numbers for atoms in structures]), "uint8", "1"),
        "charge": (("atom",), np.concatenate([a.get_initial_charges() for a in structures]), "float32", "e"),
        "molecule": (("atom",), np.concatenate([(np.arange(n) + 2) // 3 for n in counts]), "int32", "1"),
        "atom_count": (("sample",), counts, "int32", "1"),
        "member": (("sample",), np.array(numbers), "int32", "1"),
        "layer_height": (("sample",), np.array([layer_height(atoms) for atoms in structures]), "float32", "A"),
    }
    return xr.Dataset(
        {name: (dims, values.astype(kind), {"units": units}) for name, (dims, values, kind, units) in columns.items()},
        attrs={"window_size": [float(edge) for edge in size], "margin": 0.0, "ion": members["ion"]},
    )


def _member(number: int, members: dict, hydrates: dict, size: list[float], engine: Engine, seed: int) -> Atoms:
    """One member alone, without its substrate, in its window."""
    waters = members["waters"][number % len(members["waters"])]
    why = ""
    for draw in range(DRAWS):
        own = derive_seed(seed, number, draw)
        try:
            start = hydrate(members["ion"], waters, members["substrate"], own)
            relaxed = relax_hydrate(start, engine, own, hydrates["anneal_temperature"], hydrates["anneal"])
            return _placed(without_substrate(relaxed), size, derive_seed(seed, number, "place"))
        except RuntimeError as error:
            why = str(error)
            log.info("hydrate %d, draw %d: %s", number, draw, why)
    raise InputError(
        f"{members['ion']}+ with {waters} waters on {members['substrate']} came out whole and inside its window in "
        f"none of {DRAWS} draws (the last: {why}); lower hydrates.anneal_temperature or the number of waters, or raise "
        "windows.size."
    )


def _placed(atoms: Atoms, size: list[float], seed: int) -> Atoms:
    """The hydrate turned about z at random, at a random place in a window whose lower corner is the origin."""
    rng = np.random.default_rng(seed)
    atoms.rotate(rng.uniform(0, 360), "z")
    low, high = atoms.positions[:, :2].min(0), atoms.positions[:, :2].max(0)
    room = np.asarray(size[:2]) - 2 * EDGE - (high - low)
    if (room < 0).any():
        raise RuntimeError(
            f"a hydrate of {(high - low).max():.1f} A does not fit a window of {size[0]:g} x {size[1]:g} A with "
            f"{EDGE:g} A to its edges"
        )
    atoms.positions[:, :2] += EDGE + rng.uniform(0, room) - low
    return atoms
