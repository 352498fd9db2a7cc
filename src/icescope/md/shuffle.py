"""Medium-density amorphous ice: layers of a crystal displaced at random, again and again, with minimisations between.

The recipe of Rosu-Finsen et al., Science 379, 474 (2023), for their computational model of ball milling.
"""

import hashlib
import inspect
import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms

from icescope.errors import InputError
from icescope.md.checkpoint import Progress, load, save
from icescope.md.engine import Engine, State
from icescope.md.model import Model
from icescope.md.topology import single_atoms, water_molecules
from icescope.progress import track
from icescope.provenance import derive_seed, source_hash

CHECKPOINT = "shuffle.npz"
TRIES = 10  # displacements drawn in a round, at most
THINNEST = 3.0  # A: a displaced layer is at least about one molecule thick

log = logging.getLogger(__name__)


def shuffle_layers(atoms: Atoms, model: Model, engine: Engine, rounds: int, seed: int, folder: str | Path) -> Atoms:
    """Displace a random layer by a random shift in its plane and minimise at constant volume, `rounds` times.

    The state after each round is kept in `folder`, so that a kill costs one round, until the caller removes the file
    CHECKPOINT there.

    Parameters
    ----------
    atoms
        Water alone, periodic, in an orthorhombic cell, such as `structures.ice.ice_ih`.
    rounds
        Number of displacements; the published structures had 100.

    Returns
    -------
    Atoms
        The shuffled structure, in the same cell.

    Raises
    ------
    InputError
        Atoms other than water, a cell that is not orthorhombic, or no round.
    """
    _check(atoms, rounds)
    arguments = [asdict(model), engine.name, rounds, seed, source_hash(__file__)]
    digest = hashlib.sha256(json.dumps([*arguments, source_hash(inspect.getfile(type(engine)))]).encode())
    digest.update(atoms.positions.tobytes() + atoms.cell.array.tobytes())
    checkpoint = Path(folder) / CHECKPOINT
    start = State(atoms.positions.copy(), None, atoms.cell.array.copy())
    progress = load(checkpoint, digest.hexdigest()) or Progress(0, start, np.empty((0, 0)))
    todo = range(progress.done, rounds)
    for index in track(todo, "shuffle of layers", total=rounds, start=progress.done):
        rng = np.random.default_rng(derive_seed(seed, "shuffle", index))
        state = _displaced(atoms, model, engine, progress.state, rng)
        progress = Progress(index + 1, state, progress.record)
        save(checkpoint, progress, digest.hexdigest())
    shuffled = atoms.copy()
    shuffled.positions = progress.state.positions
    return shuffled


def _displaced(atoms: Atoms, model: Model, engine: Engine, state: State, rng: np.random.Generator) -> State:
    """The minimum after a displacement; another is drawn where molecules come so close that none is found."""
    for attempt in range(1, TRIES + 1):
        moved = displace_layer(state.positions, atoms.cell.lengths(), rng)
        try:
            return engine.minimise(atoms, model, State(moved, None, state.cell))
        except InputError as error:
            if attempt == TRIES:
                raise
            log.info("a displacement is drawn again: %s", error)


def displace_layer(positions: np.ndarray, edges: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift the molecules between two random parallel planes, normal to a random axis, by a random vector in them.

    Parameters
    ----------
    positions
        Positions (atom, 3) of O, H, H molecule by molecule, A.
    edges
        Of the cell (3,), A. The layer is from THINNEST to half of the cell thick, and may cross the cell's face.

    Returns
    -------
    ndarray
        New positions (atom, 3), A; molecules are moved whole, as their oxygens tell.
    """
    axis = rng.integers(3)
    low = rng.uniform(0, edges[axis])
    thickness = rng.uniform(THINNEST, edges[axis] / 2)
    shift = rng.uniform(0, edges)
    shift[axis] = 0
    moved = positions.reshape(-1, 3, 3).copy()
    inside = (moved[:, 0, axis] - low) % edges[axis] < thickness
    moved[inside] += shift
    return moved.reshape(-1, 3)


def _check(atoms: Atoms, rounds: int) -> None:
    symbols = atoms.get_chemical_symbols()
    water_molecules(symbols)
    if len(single_atoms(symbols)):
        raise InputError("The layers of water alone can be shuffled, but the structure holds other atoms.")
    if not atoms.cell.orthorhombic or not np.allclose(atoms.cell.array, np.diag(atoms.cell.lengths())):
        raise InputError("The cell of the structure is not orthorhombic along x, y and z.")
    if rounds < 1:
        raise InputError(f"The shuffle is asked for {rounds} rounds; give 1 at least.")
