"""The two ices of a flat interface, made for one cross-section (Shupletsova and Stegailov 2026, section III.3)."""

import numpy as np
from ase import Atoms

from icescope.amorphous.ices import COLD
from icescope.md.protocol import equilibrate, sample
from icescope.md.stage import Stage
from icescope.structures.ice import ice_ih
from icescope.structures.sandwich import sandwich

DENSITY = {
    "LDA": 0.98,
    "HDA": 1.18,
}  # g/cm3, near which they settle; when the ices are joined 3 % of strain are allowed


def settle(pressure: float, duration: float) -> list[Stage]:
    """At 77 K and a pressure, GPa, for some time, ps."""
    return equilibrate(COLD, pressure, duration)


def to_melt(repeats: dict[str, list[int]], seed: int) -> Atoms:
    """Ice Ih whose cell has been drawn out so that LDA made from it has the cross-section of HDA.

    The melt forgets the crystal and keeps the shape of the cell, which the barostat scales as a whole.

    Parameters
    ----------
    repeats
        Cells of ice Ih along x, y and z that LDA and HDA are made from.

    Returns
    -------
    Whole molecules, at the density of ice Ih; x is what y and z leave.
    """
    atoms, other = (ice_ih(repeats[phase], seed) for phase in ("LDA", "HDA"))
    edges = atoms.cell.lengths()
    wanted = other.cell.lengths() * (DENSITY["LDA"] / DENSITY["HDA"]) ** (1 / 3)
    stretch = np.array([edges[1:].prod() / wanted[1:].prod(), *(wanted[1:] / edges[1:])])
    atoms.positions += np.repeat(atoms.positions[::3] * (stretch - 1), 3, axis=0)
    atoms.set_cell(edges * stretch)
    return atoms


def join(lda: Atoms, hda: Atoms, copies: dict[str, int], seed: int) -> Atoms:
    """LDA | HDA | LDA along x, see `structures.sandwich.sandwich`.

    Parameters
    ----------
    copies
        Of each ice along x: far enough from a seam, what is there repeats itself.
    """
    halves = [ice.repeat((copies[phase], 1, 1)) for phase, ice in (("LDA", lda), ("HDA", hda))]
    return sandwich(*halves, seed)


def relaxation_stages(duration: float, sampling: float) -> list[Stage]:
    """The joined ices at constant volume and 77 K: some time, ps, and frames, ps."""
    return equilibrate(COLD, None, duration) + sample(COLD, None, sampling)


def press_stages(pressures: list[float], rate: float, settle: float, sampling: float) -> list[Stage]:
    """The cell follows along x alone from pressure to pressure, GPa, at a rate, GPa/ns, and rests at each.

    Parameters
    ----------
    settle, sampling
        Time at each pressure before its frames, and of them, ps.
    """
    stages: list[Stage] = []
    held = {"temperature": (COLD, COLD), "coupling": "x"}
    for before, pressure in zip([pressures[0], *pressures], pressures, strict=False):
        if pressure != before:
            duration = round(1000 * abs(pressure - before) / rate, 6)
            stages.append(Stage("compression", duration, pressure=(before, pressure), frames=False, **held))
        constant = held | {"pressure": (pressure, pressure)}
        stages.append(Stage("settling", settle, frames=False, **constant))
        stages.append(Stage(f"{pressure:g} GPa", sampling, **constant))
    return stages
