"""How far a flat interface moves through the ice itself while the cell is compressed and let go.

Shupletsova and Stegailov 2026, section III.3.2. Compression moves every molecule, so that an interface which stays
where it is among them still changes its place in A. At 77 K molecules keep their neighbours: the place where each was
in the first state marks the ice, and in those places an interface moves only where molecules change their phase.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from icescope.amorphous.interface import ROUNDS, WIDTHS, Interface, draw_interfaces, nearest
from icescope.amorphous.interface_frames import edges, pool, pooled_interface
from icescope.errors import InputError

DIRECTIONS = ("compression", "decompression")


class PressedState(NamedTuple):
    """Frames of one run at about one pressure, GPa, on the way up or down (of DIRECTIONS).

    `probabilities` has for each model (frames, molecules) of HDA; `positions` (frames, molecules, 3), A, always of the
    same molecules in the same order; `cells` (frames, 3, 3), A.
    """

    pressure: float
    direction: str
    probabilities: dict[str, np.ndarray]
    positions: np.ndarray
    cells: np.ndarray


def pressed_states(
    probabilities: dict[str, np.ndarray], positions: np.ndarray, cells: np.ndarray, pressures: np.ndarray
) -> list[PressedState]:
    """Frames of one run, (frames, ...) as in `PressedState`, in states: frames in a row at one set pressure, GPa.

    What comes after the highest pressure is on the way down.
    """
    begins = np.flatnonzero(np.diff(pressures, prepend=np.nan) != 0)
    top = begins[np.argmax(pressures[begins])]
    states = []
    for begin, end in pairwise([*begins, len(pressures)]):
        chosen = slice(begin, end)
        of_models = {model: values[chosen] for model, values in probabilities.items()}
        direction = DIRECTIONS[int(begin > top)]
        states.append(PressedState(float(pressures[begin]), direction, of_models, positions[chosen], cells[chosen]))
    return states


def material_places(state: PressedState) -> tuple[np.ndarray, np.ndarray]:
    """Mean places (molecules, 3) of molecules in a state, A, in its mean cell, and the edges (3,) of that, A."""
    lengths = edges(state.cells)
    scaled = state.positions / lengths[:, None]
    steps = scaled - scaled[0]
    mean = lengths.mean(0)
    return (scaled[0] + (steps - np.round(steps)).mean(0)) * mean, mean


def interface_shifts(states: Sequence[PressedState], model: str, seed: int, rounds: int = ROUNDS) -> pd.DataFrame:
    """Where the interfaces of one model are in each state, in A and in the ice.

    Errors of differences are those of the differences: each round draws the same columns in every state.

    Parameters
    ----------
    states
        In order; the first one is what shifts count from.

    Returns
    -------
    A row a state:

    - pressure (GPa), direction, length (A, of the cell);
    - left, right: places of the interfaces in this state's cell, A, with errors, and slab, the distance between them;
    - the thicknesses of WIDTHS, A, mean of both interfaces, with errors;
    - LDA share: of all molecules, those outside the two interfaces;
    - material left, material right: places of the interfaces in the first state's cell, A, with errors;
    - shift, A of the first state, mean of both interfaces, positive into LDA, with its error;
    - hysteresis: the shift less that at the same pressure on the way up, with its error; empty on the way up, and where
      there is no such state.

    Raises
    ------
    InputError
        No states, an unknown direction, or states of different molecules.
    """
    _check(states)
    places, lengths = material_places(states[0])
    rows, fits, draws = [], [], []
    for state in states:
        # a molecule has one place, so that its mean probability stands for all its frames
        probability = state.probabilities[model].mean(0)
        fit, drawn = draw_interfaces(places, probability, lengths, seed, rounds)
        fits.append(fit)
        draws.append(drawn)
        rows.append(_in_the_cell(state, model, seed, rounds))
    table = pd.DataFrame(rows)
    for side in ("left", "right"):
        table[f"material {side}"] = [getattr(fit, side) for fit in fits]
        away = [nearest(drawn[side] - getattr(fit, side), lengths[0]) for fit, drawn in zip(fits, draws, strict=True)]
        table[f"material {side} error"] = [one.std() for one in away]
    table["shift"] = [_into_lda(fit, fits[0], lengths[0]) for fit in fits]
    shifts = [_into_lda(drawn, draws[0], lengths[0]) for drawn in draws]
    table["shift error"] = [shift.std() for shift in shifts]
    table[["hysteresis", "hysteresis error"]] = np.nan
    up = {state.pressure: number for number, state in enumerate(states) if state.direction == DIRECTIONS[0]}
    for number, state in enumerate(states):
        if state.direction == DIRECTIONS[1] and state.pressure in up:
            other = up[state.pressure]
            table.loc[number, "hysteresis"] = table["shift"][number] - table["shift"][other]
            table.loc[number, "hysteresis error"] = (shifts[number] - shifts[other]).std()
    return table


def _in_the_cell(state: PressedState, model: str, seed: int, rounds: int) -> dict:
    probabilities = state.probabilities[model]
    table = pooled_interface(probabilities, state.positions, state.cells, seed, rounds)
    _, places, lengths = pool(probabilities, state.positions, state.cells)
    left, right = table.position["left"], table.position["right"]
    slab = (right - left) % lengths[0]
    row = {"pressure": state.pressure, "direction": state.direction, "length": lengths[0]}
    for side in ("left", "right"):
        row |= {side: table.position[side], f"{side} error": table["position error"][side]}
    row["slab"] = slab
    for name in WIDTHS:
        row |= {name: table.loc["mean", name], f"{name} error": table.loc["mean", f"{name} error"]}
    return row | {"LDA share": ((places[:, 0] - left) % lengths[0] > slab).mean()}


def _into_lda(now: Interface | pd.DataFrame, before: Interface | pd.DataFrame, length: float) -> float | pd.Series:
    """Mean way of the two interfaces out of HDA, A."""
    return (nearest(before.left - now.left, length) + nearest(now.right - before.right, length)) / 2


def _check(states: Sequence[PressedState]) -> None:
    if not states:
        raise InputError("no states of the interface are given; give one at least.")
    for state in states:
        if state.direction not in DIRECTIONS:
            raise InputError(f"a state's direction is {state.direction!r}; take one of {', '.join(DIRECTIONS)}.")
        if state.positions.shape[1:] != states[0].positions.shape[1:]:
            raise InputError(
                f"the state at {state.pressure:g} GPa has {state.positions.shape[1]} molecules, and the first one"
                f" {states[0].positions.shape[1]}; give states of one run."
            )
