"""The outermost bilayer of ice read from AFM images, beside what is there."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from torch import nn

from icescope.afm import Tip
from icescope.afm.structure_stack import contrast_heights, simulate_structure
from icescope.amorphous.frames import water_frames
from icescope.learning.experiment import predict_stack
from icescope.maps.scores import COUNTS, match
from icescope.premelting.faces import face
from icescope.premelting.layers import SIDES, bilayers, holds
from icescope.premelting.rings import bonds, hexagonal_order, rings
from icescope.progress import track
from icescope.structures.samples import in_window

MARGIN = 6.0  # A, that images are carried on beyond the cell, so that no atom is at the edge of what the network sees
SAME = 1.0  # A: two atoms of a species that are nearer are one, found on both sides of the cell's boundary


def read_faces(
    trajectory: str | Path, topology: str | Path, record: str | Path, network: nn.Module, card: dict
) -> tuple[pd.DataFrame, list[Atoms]]:
    """Read both faces of a slab at the end of every hold of a run, see `premelting.layers.holds`.

    Parameters
    ----------
    trajectory, topology, record
        Of the run.
    network, card
        From `learning.weights.load_weights`.

    Returns
    -------
    A row a face with direction, temperature_K, side, and what `compare` gives; and for each the face (`face`) and the
    atoms read from it (`in_cell`), with the same in their `info`, "what" ("face" or "read"), and the weights'
    SHA-256.

    Raises
    ------
    InputError
        The run cannot be read, or the probe would be pushed into a face.
    """
    sheets = bilayers(next(water_frames(topology)))
    rows, structures = [], []
    for hold in track(holds(trajectory, topology, record), "holds of the slab", total=None):
        for side in SIDES:
            of = {"direction": hold.direction, "temperature_K": hold.temperature, "side": side}
            there = face(hold.frames[-1], sheets, side)
            read = read_face(face_stack(there, card["pixel_size"]), network, card)
            rows.append(of | compare(read, there, card["labels"]["matching_radius"]))
            once = in_cell(read, there)
            del once.arrays["pose"]  # empty for oxygens, which extended XYZ cannot hold
            for what, atoms in (("face", there), ("read", once)):
                atoms.info |= of | {"what": what, "weights": card["sha256"]}
                structures.append(atoms)
    return pd.DataFrame(rows), structures


def face_stack(there: Atoms, pixel_size: float) -> xr.DataArray:
    """Frequency shifts (height, y, x), Hz, over the whole cell of a face, at the heights at which films show molecules.

    Parameters
    ----------
    there
        From `premelting.faces.face`; heights count from its z = 0.
    pixel_size
        A.

    Raises
    ------
    InputError
        The probe would be pushed into the face.
    """
    heights = contrast_heights("mean_oxygen")
    return simulate_structure(there, Tip(), heights, "absolute", pixel_size).frequency_shift


def read_face(stack: xr.DataArray, network: nn.Module, card: dict) -> Atoms:
    """Atoms that periodic images show, those found within 6 A beyond the cell too; see `learning.experiment`.

    Parameters
    ----------
    stack
        From `face_stack`.
    network, card
        From `learning.weights.load_weights`.
    """
    pixels = {axis: float(stack[axis][1] - stack[axis][0]) for axis in "xy"}
    more = {axis: math.ceil(MARGIN / pixel) for axis, pixel in pixels.items()}
    wide = stack.drop_vars(["x", "y"]).pad({axis: (count, count) for axis, count in more.items()}, mode="wrap")
    places = {axis: float(stack[axis][0]) + pixels[axis] * (np.arange(wide.sizes[axis]) - more[axis]) for axis in "xy"}
    return predict_stack(wide.assign_coords(places), network, card).atoms


def compare(read: Atoms, there: Atoms, radius: dict[str, float]) -> dict[str, float]:
    """How right a reading of a face is, and the order of both.

    Parameters
    ----------
    read
        From `read_face`.
    there
        The face; its outermost bilayer is to be found.
    radius
        Matching radius of each species, A.

    Returns
    -------
    "O true_positive", ..., "H false_negative": counts in the cell; "hexagonal_order" and "hexagonal_order read", the
    mean h6 (`premelting.rings`) of the oxygens of that bilayer, and of those read, each by itself, without what lies
    below; "vertical_error", A, the root mean square for the oxygens found.
    """
    edges = there.cell.lengths()[:2]
    true = there[there.arrays["depth"] == 0]
    row = {}
    for symbol in "OH":
        found, wanted = (atoms.positions[atoms.symbols == symbol] for atoms in (read, true))
        images = [[*edges * image, 0] for image in product((-1, 0, 1), repeat=2)]
        copies = np.concatenate([np.column_stack([wanted[:, :2] % edges, wanted[:, 2]]) + image for image in images])
        mine, theirs = match(found[:, :2], copies[:, :2], radius[symbol])
        right = int(in_window(copies[theirs], edges).sum())
        false = int(np.delete(in_window(found, edges), mine).sum())
        row |= dict(zip((f"{symbol} {name}" for name in COUNTS), (right, false, len(wanted) - right), strict=True))
        if symbol == "O":
            error = found[mine, 2] - copies[theirs, 2]
            row["vertical_error"] = float(np.sqrt((error**2).mean())) if len(error) else np.nan
    row["hexagonal_order"] = _mean_order(true)
    row["hexagonal_order read"] = _mean_order(in_cell(read, there))
    return row


def in_cell(read: Atoms, there: Atoms) -> Atoms:
    """What was read, once: what was found on both sides of the cell's boundary is one atom, the more certain one."""
    cell = there.cell.lengths()
    near = read[in_window(read.positions + SAME, cell[:2] + 2 * SAME)]
    near = near[np.argsort(-near.arrays["confidence"], kind="stable")]
    apart = near.positions[:, None, :2] - near.positions[None, :, :2]
    apart -= cell[:2] * np.round(apart / cell[:2])
    same = (np.linalg.norm(apart, axis=-1) < SAME) & (near.numbers[:, None] == near.numbers)
    kept: list[int] = []
    for number in range(len(near)):
        if not same[number, kept].any():
            kept.append(number)
    atoms = near[kept]
    atoms.positions[:, :2] %= cell[:2]
    atoms.set_cell(cell)
    atoms.set_pbc([True, True, False])
    return atoms


def _mean_order(atoms: Atoms) -> float:
    oxygens = atoms.positions[atoms.symbols == "O"]
    if not len(oxygens):
        return 0.0
    return float(hexagonal_order(rings(bonds(oxygens, atoms.cell)), len(oxygens)).mean())
