"""The bilayers of a slab of ice in a run that heats and cools it: how ordered and how mobile each is."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms

from icescope.amorphous.frames import water_frames
from icescope.errors import InputError
from icescope.md.record import read_record, stage_spans
from icescope.premelting.mobility import diffusion_coefficient, mean_square_displacement, paths
from icescope.premelting.rings import bonds, hexagonal_order, rings

GAP = 1.8  # A: the planes of a bilayer are 0.9 A apart, bilayers 2.8 A
FEWEST = 4  # bilayers: two surfaces, and what they are compared with
FEWEST_FRAMES = 8  # in the second half of a hold
RING_FRAMES = 20  # at most, of a hold, in which rings are counted
DIRECTIONS = ("heating", "cooling")
SIDES = ("lower", "upper")
COUNTED = (4, 5, 6, 7, 8)  # sizes of rings in the table


class Hold(NamedTuple):
    """Frames at one temperature (K), on the way up ("heating", with the highest) or down ("cooling")."""

    direction: str
    temperature: float
    frames: list[Atoms]
    interval: float  # ps


class Bilayers(NamedTuple):
    """Number of the bilayers of a slab and the distance, A, from one to the next."""

    count: int
    spacing: float

    def of(self, oxygens: np.ndarray, height: float) -> np.ndarray:
        """Number of the bilayer, from 0 at the bottom, of each of (n, 3) oxygens, A, in a cell of a height, A.

        Bilayers are where the crystal had them, around the middle of the slab; what lies beyond the outermost counts to
        it.
        """
        angle = 2 * np.pi * oxygens[:, 2] / height
        middle = np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()) / (2 * np.pi) * height
        above = (oxygens[:, 2] - middle + height / 2) % height - height / 2
        return np.round(above / self.spacing + (self.count - 1) / 2).clip(0, self.count - 1).astype(int)


def bilayers(crystal: Atoms) -> Bilayers:
    """Bilayers of a slab of ice Ih with basal faces, its normal along z, as it was built.

    Raises
    ------
    InputError
        It is no such slab, or has fewer than four bilayers.
    """
    heights = np.sort(crystal.positions[crystal.symbols == "O", 2])
    sheets = np.split(heights, np.flatnonzero(np.diff(heights) > GAP) + 1)
    if len(sheets) < FEWEST or len({len(sheet) for sheet in sheets}) > 1:
        raise InputError(
            f"The structure has oxygens in {len(sheets)} separate layers along z; a slab of ice with basal faces has at"
            f" least {FEWEST} bilayers of as many molecules each."
        )
    return Bilayers(len(sheets), float(np.diff([sheet.mean() for sheet in sheets]).mean()))


def holds(trajectory: str | Path, topology: str | Path, record: str | Path) -> Iterator[Hold]:
    """Holds of a run by `surface.surface_stages`, in order, each without its first half, in which it settles.

    Raises
    ------
    InputError
        The files cannot be read, do not belong together, or a hold has fewer than eight frames in its second half.
    """
    rows = read_record(record)
    # A ramp of a single row has no rate to be known by.
    spans = [one for one in stage_spans(rows) if not one.temperature_rate and one.rows.stop - one.rows.start > 1]
    temperatures = [float(rows.set_temperature_K[span.rows].iloc[0]) for span in spans]
    top = int(np.argmax(temperatures))
    frames = water_frames(trajectory, topology)
    frame = next(frames)
    for number, (span, temperature) in enumerate(zip(spans, temperatures, strict=True)):
        taken = []
        while frame is not None and frame.info["time"] <= span.end + 1e-3:
            if frame.info["time"] > (span.start + span.end) / 2 + 1e-3:
                taken.append(frame)
            frame = next(frames, None)
        if len(taken) < FEWEST_FRAMES:
            raise InputError(
                f"{trajectory} has {len(taken)} frames in the second half of the hold at {temperature:g} K, and"
                f" {FEWEST_FRAMES} are needed; hold longer or take a shorter frame_interval."
            )
        interval = (taken[-1].info["time"] - taken[0].info["time"]) / (len(taken) - 1)
        yield Hold(DIRECTIONS[number > top], temperature, taken, interval)


def layer_table(trajectory: str | Path, topology: str | Path, record: str | Path) -> pd.DataFrame:
    """Order and mobility of every bilayer in every hold of a run.

    Parameters
    ----------
    trajectory, topology, record
        Of a run by `surface.surface_stages`; the topology is the crystal it began with.

    Returns
    -------
    A row for each hold, side ("lower", "upper") and depth (0 for the outermost bilayer): direction and temperature_K of
    the hold, and of the molecules in the bilayer hexagonal_order (h6, mean), rings_4 to rings_8 (rings of so many
    molecules in its plane, for each molecule), and of those that were in it in the first frame
    mean_square_displacement_A2 along the surface at lag_ps, and diffusion_A2_per_ps.

    Raises
    ------
    InputError
        As of `holds` and `bilayers`.
    """
    sheets = bilayers(next(water_frames(topology)))
    rows = []
    for hold in holds(trajectory, topology, record):
        cell = hold.frames[0].cell
        oxygens = np.array([frame.positions[frame.symbols == "O"] for frame in hold.frames])
        along = paths(oxygens, cell.lengths()[:2])
        first = sheets.of(oxygens[0], cell[2, 2])
        chosen = np.unique(np.linspace(0, len(oxygens) - 1, RING_FRAMES).round().astype(int))
        ordered = pd.DataFrame([one for frame in chosen for one in _order(sheets, oxygens[frame], cell)])
        for layer, means in ordered.groupby("layer").mean().iterrows():
            msd = mean_square_displacement(along[:, first == layer])
            rows.append(
                {
                    "direction": hold.direction,
                    "temperature_K": hold.temperature,
                    "side": SIDES[2 * layer >= sheets.count],
                    "depth": min(layer, sheets.count - 1 - layer),
                    **means,
                    "lag_ps": (len(msd) - 1) * hold.interval,
                    "mean_square_displacement_A2": msd[-1],
                    "diffusion_A2_per_ps": diffusion_coefficient(msd, hold.interval),
                }
            )
    return pd.DataFrame(rows)


def _order(sheets: Bilayers, oxygens: np.ndarray, cell) -> Iterator[dict]:
    """Order of each bilayer in one frame."""
    numbers = sheets.of(oxygens, cell[2, 2])
    pairs = bonds(oxygens, cell)
    for layer in range(sheets.count):
        inside = numbers == layer
        found = rings(pairs[inside[pairs].all(axis=1)])
        sizes = [len(ring) for ring in found]
        yield {
            "layer": layer,
            "hexagonal_order": hexagonal_order(found, len(oxygens))[inside].mean(),
            **{f"rings_{size}": sizes.count(size) / inside.sum() for size in COUNTED},
        }
