"""GROMACS as an engine for quenches and equilibration: the fastest on a CPU, in single precision.

It runs the program `gmx` in a folder of its own. It has one cut-off, linear ramps of the temperature (its simulated
annealing), and a constant isotropic pressure; anything else is refused with a word on which engine has it.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import kB, kJ, mol, nm
from MDAnalysis.coordinates.TRR import TRRReader

from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS, Sampled, State
from icescope.md.force_field import water_model
from icescope.md.gromacs_input import (
    BAR,
    LARGEST_FORCE,
    MINIMISER_STEPS,
    coordinates,
    dynamics_parameters,
    forces_parameters,
    order_of_sites,
    topology,
)
from icescope.md.model import Model
from icescope.md.rigid import snap_water, thermal_velocities
from icescope.md.stage import Stage
from icescope.md.thermodynamics import density
from icescope.md.topology import check_species, degrees_of_freedom, water_molecules
from icescope.provenance import derive_seed


class Gromacs:
    """The engine, on so many CPU threads.

    Langevin dynamics (integrator sd) with SETTLE, and stochastic cell rescaling (Bernetti, Bussi, J. Chem. Phys. 153,
    114107, 2020) at a pressure. With mdrun's -reprod a run is the same bit for bit on one thread of one machine.
    """

    name = "gromacs"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self.program = shutil.which("gmx")
        if self.program is None:
            raise InputError("The engine gromacs needs the program gmx on PATH; install GROMACS, or take openmm.")

    def energy_and_forces(self, atoms: Atoms, model: Model) -> tuple[dict[str, float], np.ndarray]:
        """See `Engine.energy_and_forces`."""
        parameters = {"integrator": "md", "nsteps": 0, "nstfout": 1, "nstxout": 1, "nstenergy": 1, "nstcalcenergy": 1}
        terms = ["LJ-(SR)", "Coulomb-(SR)", "Coul.-recip."] + ["Disper.-corr."] * model.tail
        with tempfile.TemporaryDirectory() as folder:
            state = State(atoms.positions, np.zeros((len(atoms), 3)), atoms.cell.array)
            self._mdrun(Path(folder), atoms, model, state, parameters | {"continuation": "yes"})
            energy = self._energies(Path(folder), terms)[0]
            with TRRReader(str(Path(folder) / "run.trr")) as frames:
                forces = _in_structure(frames[0].forces, atoms, model) * kJ / mol
        energies = {
            "lennard_jones": energy["LJ (SR)"],
            "tail": energy.get("Disper. corr.", 0.0),
            "coulomb": energy["Coulomb (SR)"] + energy["Coul. recip."],
        }
        return energies, forces

    def minimise(self, atoms: Atoms, model: Model, state: State) -> State:
        """See `Engine.minimise`; by steepest descent, at most MINIMISER_STEPS steps."""
        parameters = {"integrator": "steep", "emtol": LARGEST_FORCE, "nsteps": MINIMISER_STEPS}
        parameters |= {"nstlist": 1, "verlet-buffer-tolerance": -1}  # new neighbours each step, so no buffer
        with tempfile.TemporaryDirectory() as folder:
            self._mdrun(Path(folder), atoms, model, State(state.positions, None, state.cell), parameters)
            rows = re.search(r"POSITION\n(.*?)END", (Path(folder) / "run.g96").read_text(), re.DOTALL)[1].splitlines()
        sites = np.array([row[24:].split() for row in rows], dtype=float) * nm
        molecules = water_molecules(atoms.get_chemical_symbols())
        positions = _follow(_in_structure(sites, atoms, model), state.positions, state.cell, state.cell, molecules)
        return State(snap_water(positions, molecules, water_model(model.water)), None, state.cell)

    def run(self, atoms: Atoms, model: Model, piece: Stage, state: State, seed: int, frame_interval: float) -> Sampled:
        """See `Engine.run`."""
        parameters = dynamics_parameters(model, piece, derive_seed(seed, "thermostat"), frame_interval)
        velocities = state.velocities
        if velocities is None:
            start = derive_seed(seed, "velocities")
            velocities = thermal_velocities(atoms, state.positions, piece.temperature[0], start)
        molecules = water_molecules(atoms.get_chemical_symbols())
        positions, cells = [state.positions], [state.cell]
        with tempfile.TemporaryDirectory() as folder:
            begin = State(state.positions, velocities, state.cell)
            self._mdrun(Path(folder), atoms, model, begin, parameters, where=f"the stage {piece.name}")
            energies = self._energies(Path(folder), ["Potential", "Kinetic-En.", "Pressure"])[1:]
            with TRRReader(str(Path(folder) / "run.trr")) as frames:
                for frame in frames[1:]:
                    cells.append(np.diag(frame.dimensions[:3].astype(float)))
                    wrapped = _in_structure(frame.positions, atoms, model)
                    positions.append(_follow(wrapped, positions[-1], cells[-1], cells[-2], molecules))
                    velocities = _in_structure(frame.velocities, atoms, model)
        times = frame_interval * np.arange(1, len(cells))
        rows = zip(times, energies, cells[1:], strict=True)
        record = np.array([_row(atoms, time, energy, cell) for time, energy, cell in rows])
        if not np.isfinite(record).all():
            raise InputError(
                f"The energy is not a number in the stage {piece.name} ({piece.temperature[0]:g} K); "
                "lower md.timestep, or the temperature."
            )
        return Sampled(
            State(positions[-1], velocities, cells[-1]), np.array(positions[1:]), np.array(cells[1:]), record
        )

    def _mdrun(
        self,
        folder: Path,
        atoms: Atoms,
        model: Model,
        state: State,
        parameters: dict[str, object],
        where: str = "the structure",
    ) -> None:
        """Write the input into a folder and run GROMACS there; its files are then run.trr, run.edr and run.g96."""
        check_species(atoms, model.water)
        (folder / "run.top").write_text(topology(atoms, model))
        (folder / "run.gro").write_text(coordinates(atoms, model, state.positions, state.velocities, state.cell))
        settings = forces_parameters(model) | parameters
        (folder / "run.mdp").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        self._gmx(folder, where, "grompp", "-f", "run.mdp", "-c", "run.gro", "-p", "run.top", "-o", "run.tpr")
        threads = ("-ntmpi", "1", "-ntomp", str(self.threads))
        self._gmx(folder, where, "mdrun", "-deffnm", "run", "-c", "run.g96", "-reprod", *threads)

    def _energies(self, folder: Path, terms: list[str]) -> list[dict[str, float]]:
        """Energies of a run, eV (the pressure in GPa), by GROMACS's legends, a dictionary a frame."""
        answers = "\n".join([*terms, "", ""])
        self._gmx(folder, "the energies", "energy", "-f", "run.edr", "-o", "run.xvg", "-dp", answers=answers)
        text = (folder / "run.xvg").read_text()
        legends = re.findall(r'@ s\d+ legend "(.*)"', text)
        rows = [line.split()[1:] for line in text.splitlines() if line and line[0] not in "#@"]
        unit = {"Pressure": BAR}
        return [
            {name: float(value) * unit.get(name, kJ / mol) for name, value in zip(legends, row, strict=True)}
            for row in rows
        ]

    def _gmx(self, folder: Path, where: str, *arguments: str, answers: str = "") -> None:
        """Run a command of gmx; its fatal error becomes an InputError."""
        done = subprocess.run(
            [self.program, "-quiet", "-nobackup", *arguments],
            cwd=folder,
            input=answers,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(self.threads)},
        )
        if done.returncode:
            messages = re.findall(r"(?:(?:WARNING|ERROR) \d+ \[.*?\]|[Ee]rror.*?):\n(.*?)\n\n", done.stderr, re.DOTALL)
            said = " ".join(" ".join(messages or [done.stderr[-500:]]).split())
            raise InputError(f"GROMACS's {arguments[0]} stopped in {where}: {said}")


def _in_structure(sites: np.ndarray, atoms: Atoms, model: Model) -> np.ndarray:
    """An array (site, 3) in GROMACS's order as one (atom, 3) in the structure's, in double precision."""
    order, places = order_of_sites(atoms, model)
    array = np.empty((len(atoms), 3))
    array[order] = sites[places]
    return array


def _follow(
    wrapped: np.ndarray, before: np.ndarray, cell: np.ndarray, cell_before: np.ndarray, molecules: np.ndarray
) -> np.ndarray:
    """Positions (atom, 3), A, in the periodic image nearest to where they were, and molecules whole.

    `before` (atom, 3) are the positions of the frame before, in `cell_before`; cells are orthorhombic.
    """
    edges = np.diag(cell)
    expected = before * (edges / np.diag(cell_before))
    positions = wrapped - edges * np.round((wrapped - expected) / edges)
    oxygens = positions[molecules[:, :1]]
    arms = wrapped[molecules] - oxygens
    positions[molecules] = oxygens + arms - edges * np.round(arms / edges)
    return positions


def _row(atoms: Atoms, time: float, energy: dict[str, float], cell: np.ndarray) -> list[float]:
    """Row of the record, in the order of RECORD_COLUMNS."""
    kinetic = energy["Kinetic En."]
    values = {
        "time_ps": time,
        "temperature_K": 2 * kinetic / (degrees_of_freedom(atoms) * kB),
        "pressure_GPa": energy["Pressure"],
        "density_g_per_cm3": density(atoms, cell),
        "potential_energy_eV": energy["Potential"],
        "kinetic_energy_eV": kinetic,
    }
    return [values[name] for name in RECORD_COLUMNS]
