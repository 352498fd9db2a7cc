"""What an engine of molecular dynamics is: the interface that OpenMM, LAMMPS and GROMACS share.

Structures are `ase.Atoms`, with water as O, H, H molecule by molecule (each whole, not cut by the cell's faces) and
ions and metal atoms as single atoms. A fourth site M is the engine's own business: it is in no array here.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms

from icescope.md.model import Model
from icescope.md.stage import Stage

ENERGIES = ("lennard_jones", "tail", "coulomb")  # keys of the energies of `energy_and_forces`
RECORD_COLUMNS = (  # of the rows of `Sampled.record`
    "time_ps",
    "temperature_K",
    "pressure_GPa",
    "density_g_per_cm3",
    "potential_energy_eV",
    "kinetic_energy_eV",
)


@dataclass(frozen=True)
class State:
    """Where a run stands, in double precision: all that a following piece of the run starts from.

    `positions` (atom, 3) in A, not wrapped, molecules whole; `velocities` (atom, 3) in A/ps, or None: the engine
    draws them at the temperature that it starts from; `cell` (3, 3) in A, its vectors in rows.
    """

    positions: np.ndarray
    velocities: np.ndarray | None
    cell: np.ndarray


@dataclass(frozen=True)
class Sampled:
    """What an engine returns from one piece of a run.

    `state` at its end; `positions` (frame, atom, 3) in A and `cells` (frame, 3, 3) in A of the frames at each whole
    frame interval after the start, the last of them the end; `record` (frame, 6), columns RECORD_COLUMNS, at the same
    times, counted from the piece's start. The pressure is the instantaneous one, nan where the engine gives none; the
    potential energy may hold a constant, the energy of fixed atoms among themselves.
    """

    state: State
    positions: np.ndarray
    cells: np.ndarray
    record: np.ndarray


class Engine(Protocol):
    """An engine: knows force fields and integrators, knows nothing of files, checkpoints and protocols."""

    name: str

    def energy_and_forces(self, atoms: Atoms, model: Model) -> tuple[dict[str, float], np.ndarray]:
        """Potential energy by component (eV, keys ENERGIES) and forces (atom, 3), eV/A.

        The forces on the site M are spread on its molecule; forces on fixed atoms are 0, and the energy of fixed atoms
        among themselves is left out, except in the tail.
        """
        ...

    def minimise(self, atoms: Atoms, model: Model, state: State) -> State:
        """State at a minimum of the potential energy near `state`, with rigid water, in the same cell."""
        ...

    def run(self, atoms: Atoms, model: Model, piece: Stage, state: State, seed: int, frame_interval: float) -> Sampled:
        """Run a piece from a state; the same arguments give the same result, bit for bit on one CPU thread.

        Parameters
        ----------
        atoms
            Kinds and order of the atoms, and which are fixed (`topology.fixed_atoms`); its positions are not used.
        piece
            A stage or part of one; its duration is a whole multiple of `frame_interval`.
        seed
            Of the velocities, the thermostat and the barostat.
        frame_interval
            ps, a whole multiple of the time step.

        Raises
        ------
        InputError
            The system cannot be run as asked, or it blows up: the energy is not a number.
        """
        ...
