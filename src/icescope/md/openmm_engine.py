"""OpenMM as an engine: the default, on a CPU or on CUDA."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import openmm
from ase import Atoms
from ase.units import kB, kJ, mol, nm

from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS, Sampled, State
from icescope.md.model import Model
from icescope.md.openmm_system import MolecularSystem, molecular_system
from icescope.md.stage import Stage
from icescope.md.thermodynamics import density
from icescope.md.topology import degrees_of_freedom, fixed_atoms
from icescope.provenance import derive_seed

MINIMISER_STEPS = 500
CONSTRAINT_TOLERANCE = 1e-6  # relative; OpenMM's default of 1e-5 lets energy drift
TEMPERATURE_STEP = 0.1  # K, at most, between updates of a ramp
PRESSURE_STEP = 0.002  # GPa, likewise
BAR = 1e-4  # GPa

log = logging.getLogger(__name__)


class OpenMM:
    """The engine; `threads` are those of the CPU, unless OpenMM finds a CUDA device.

    On one CPU thread a run is the same bit for bit. One cut-off serves Lennard-Jones and real-space Coulomb.
    """

    name = "openmm"

    def __init__(self, threads: int = 1) -> None:
        self.platform = _platform(threads)

    def energy_and_forces(self, atoms: Atoms, model: Model) -> tuple[dict[str, float], np.ndarray]:
        """See `Engine.energy_and_forces`."""
        forces = self._evaluate(molecular_system(atoms, model, atoms.cell.array), atoms)[1]
        with_tail = self._part(atoms, model, lennard_jones=True)
        without = self._part(atoms, replace(model, tail=False), lennard_jones=True)
        among_fixed = [0.0, 0.0]
        if fixed_atoms(atoms).any():
            still = replace(model, tail=False)
            among_fixed = [self._part(atoms, still, lennard_jones, fixed_alone=True) for lennard_jones in (True, False)]
        energies = {
            "lennard_jones": without - among_fixed[0],
            "tail": with_tail - without,
            "coulomb": self._part(atoms, model, lennard_jones=False) - among_fixed[1],
        }
        return energies, forces

    def minimise(self, atoms: Atoms, model: Model, state: State) -> State:
        """See `Engine.minimise`; by L-BFGS, at most MINIMISER_STEPS steps."""
        molecular = molecular_system(atoms, model, state.cell)
        context = self._context(molecular, openmm.VerletIntegrator(0.001))
        _place(context, molecular, state.positions)
        openmm.LocalEnergyMinimizer.minimize(context, maxIterations=MINIMISER_STEPS)
        context.applyConstraints(CONSTRAINT_TOLERANCE)
        return State(_positions(context, molecular, state.positions), None, state.cell)

    def run(self, atoms: Atoms, model: Model, piece: Stage, state: State, seed: int, frame_interval: float) -> Sampled:
        """See `Engine.run`. Langevin dynamics by the BAOAB splitting (Zhang et al., J. Phys. Chem. A 123, 6056,
        2019), and a Monte Carlo barostat; a ramp moves in steps of at most TEMPERATURE_STEP and PRESSURE_STEP.
        """
        molecular = molecular_system(atoms, model, state.cell)
        barostat = _barostat(piece, fixed_atoms(atoms).any(), seed)
        if barostat is not None:
            molecular.system.addForce(barostat)
        integrator = openmm.LangevinMiddleIntegrator(piece.temperature[0], model.friction, model.timestep / 1000)
        integrator.setRandomNumberSeed(_openmm_seed(seed, "thermostat"))
        integrator.setConstraintTolerance(CONSTRAINT_TOLERANCE)
        context = self._context(molecular, integrator)
        _place(context, molecular, state.positions)
        if state.velocities is None:
            context.applyConstraints(CONSTRAINT_TOLERANCE)
            context.setVelocitiesToTemperature(piece.temperature[0], _openmm_seed(seed, "velocities"))
        else:
            velocities = np.zeros((molecular.system.getNumParticles(), 3))
            velocities[: len(molecular.atoms)] = state.velocities[molecular.atoms] / nm
            context.setVelocities(velocities)

        steps = round(1000 * piece.duration / model.timestep)
        in_frame = round(1000 * frame_interval / model.timestep)
        positions, cells, record = [], [], []
        for first, last in _stretches(piece, steps, in_frame):
            _set_conditions(context, integrator, piece, (first + last) / 2 * model.timestep / 1000)
            time = last * model.timestep / 1000
            with _explained(piece, time):
                _advance(integrator, last - first)
                frame = _row(context, barostat, atoms, piece, time) if last % in_frame == 0 else None
            if frame:
                row, cell = frame
                positions.append(_positions(context, molecular, state.positions))
                cells.append(cell)
                record.append(row)
        velocities = np.zeros_like(state.positions)
        reached = context.getState(velocities=True).getVelocities(asNumpy=True)._value * nm
        velocities[molecular.atoms] = reached[: len(molecular.atoms)]
        end = State(positions[-1], velocities, cells[-1])
        return Sampled(end, np.array(positions), np.array(cells), np.array(record, dtype=float))

    def _part(self, atoms: Atoms, model: Model, lennard_jones: bool, fixed_alone: bool = False) -> float:
        """Energy, eV, of Lennard-Jones, with the metal's field, or of Coulomb; of all atoms or of the fixed ones."""
        molecular = molecular_system(atoms, model, atoms.cell.array)
        for particle in range(molecular.nonbonded.getNumParticles()):
            charge, sigma, epsilon = molecular.nonbonded.getParticleParameters(particle)
            counts = not fixed_alone or not molecular.moves(particle)
            charge, epsilon = (0, epsilon * counts) if lennard_jones else (charge * counts, 0)
            molecular.nonbonded.setParticleParameters(particle, charge, sigma, epsilon)
        if not lennard_jones or fixed_alone:
            while molecular.system.getNumForces() > 1:
                molecular.system.removeForce(1)  # the metal's field
        return self._evaluate(molecular, atoms)[0]

    def _context(self, molecular: MolecularSystem, integrator: openmm.Integrator) -> openmm.Context:
        return openmm.Context(molecular.system, integrator, *self.platform)

    def _evaluate(self, molecular: MolecularSystem, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Potential energy, eV, and forces (atom, 3), eV/A, 0 on fixed atoms."""
        context = self._context(molecular, openmm.VerletIntegrator(0.001))
        _place(context, molecular, atoms.positions)
        reached = context.getState(energy=True, forces=True)
        forces = np.zeros((len(atoms), 3))
        on_particles = reached.getForces(asNumpy=True)._value * (kJ / mol / nm)
        forces[molecular.atoms] = on_particles[: len(molecular.atoms)]
        forces[fixed_atoms(atoms)] = 0
        return reached.getPotentialEnergy()._value * kJ / mol, forces


@cache
def _platform(threads: int) -> tuple[openmm.Platform, dict[str, str]]:
    """CUDA where OpenMM has it and it starts, else the CPU, with forces summed in a fixed order on both."""
    names = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    if "CUDA" in names:
        choice = openmm.Platform.getPlatformByName("CUDA"), {"Precision": "mixed", "DeterministicForces": "true"}
        probe = openmm.System()
        probe.addParticle(1)
        try:
            openmm.Context(probe, openmm.VerletIntegrator(0.001), *choice)
            log.info("runs on CUDA")
            return choice
        except openmm.OpenMMException as error:
            log.info("CUDA does not start (%s)", error)
    log.info("runs on the CPU with %d threads", threads)
    return openmm.Platform.getPlatformByName("CPU"), {"Threads": str(threads), "DeterministicForces": "true"}


def _barostat(piece: Stage, has_fixed: bool, seed: int) -> openmm.Force | None:
    """Barostat of a piece; at constant volume one that only measures, and none beside fixed atoms."""
    if has_fixed:
        if piece.pressure:
            raise InputError(
                f"The stage {piece.name} has a pressure, but the structure has fixed atoms; set it to None."
            )
        return None
    # A fast ramp needs many trial volumes, or the cell lags behind the pressure; elsewhere they cost time, but at one
    # in 50 steps the volume takes 10 ps to follow a jump of 1 GPa.
    rate = abs(piece.pressure_rate)
    interval = 10 if rate >= 20 else 20 if rate > 0 else 25
    pressure = (piece.pressure[0] if piece.pressure else 0.0) / BAR
    interval = interval if piece.pressure else 0
    if piece.coupling == "x":
        barostat = openmm.MonteCarloAnisotropicBarostat(
            openmm.Vec3(pressure, pressure, pressure), piece.temperature[0], True, False, False, interval
        )
    else:
        barostat = openmm.MonteCarloBarostat(pressure, piece.temperature[0], interval)
    barostat.setRandomNumberSeed(_openmm_seed(seed, "barostat"))
    return barostat


def _openmm_seed(seed: int, name: str) -> int:
    return max(derive_seed(seed, name), 1)  # 0 would mean a seed from the clock


def _stretches(piece: Stage, steps: int, in_frame: int) -> list[tuple[int, int]]:
    """Steps (first, last) of the stretches of a piece at constant conditions, none across a frame."""
    change = abs(piece.temperature[1] - piece.temperature[0]) / TEMPERATURE_STEP
    if piece.pressure:
        change = max(change, abs(piece.pressure[1] - piece.pressure[0]) / PRESSURE_STEP)
    stride = max(1, int(steps / change)) if change else steps
    ends = sorted({*range(stride, steps, stride), *range(in_frame, steps, in_frame), steps})
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _set_conditions(context: openmm.Context, integrator: openmm.Integrator, piece: Stage, time: float) -> None:
    """Set temperature and pressure to those of a time (ps) in the piece."""
    kelvin, pressure = piece.at(time)
    integrator.setTemperature(kelvin)
    parameters = context.getParameters()
    for name in (openmm.MonteCarloBarostat.Temperature(), openmm.MonteCarloAnisotropicBarostat.Temperature()):
        if name in parameters:
            context.setParameter(name, kelvin)
    if pressure is None:
        return
    axes = (openmm.MonteCarloAnisotropicBarostat.PressureX(),)
    for name in (openmm.MonteCarloBarostat.Pressure(), *axes):
        if name in parameters:
            context.setParameter(name, pressure / BAR)


def _advance(integrator: openmm.Integrator, steps: int) -> None:
    integrator.step(steps)


@contextmanager
def _explained(piece: Stage, time: float) -> Iterator[None]:
    """Say in one sentence what became of a run that OpenMM cannot go on with."""
    try:
        yield
    except openmm.OpenMMException as error:
        if "NaN" in str(error):
            raise _blown_up(piece, time) from error
        if "periodic box size" in str(error):
            raise InputError(
                f"The cell has become smaller than twice the cut-off at {time:g} ps of the stage {piece.name}; "
                "take a larger structure, or lower the cut-off."
            ) from error
        raise


def _row(
    context: openmm.Context, barostat: openmm.Force | None, atoms: Atoms, piece: Stage, time: float
) -> tuple[list[float], np.ndarray]:
    """Row of the record, in the order of RECORD_COLUMNS, and the cell (3, 3), A."""
    reached = context.getState(energy=True)
    potential = reached.getPotentialEnergy()._value * kJ / mol
    if not np.isfinite(potential):
        raise _blown_up(piece, time)
    kinetic = reached.getKineticEnergy()._value * kJ / mol
    cell = reached.getPeriodicBoxVectors(asNumpy=True)._value * nm
    pressure = np.nan
    if barostat is not None:
        reached = barostat.computeCurrentPressure(context)._value
        pressure = (reached[0] if piece.coupling == "x" else reached) * BAR
    values = {
        "time_ps": time,
        "temperature_K": 2 * kinetic / (degrees_of_freedom(atoms) * kB),
        "pressure_GPa": pressure,
        "density_g_per_cm3": density(atoms, cell),
        "potential_energy_eV": potential,
        "kinetic_energy_eV": kinetic,
    }
    return [values[name] for name in RECORD_COLUMNS], cell


def _blown_up(piece: Stage, time: float) -> InputError:
    return InputError(
        f"The energy is not a number at {time:g} ps of the stage {piece.name} ({piece.at(time)[0]:g} K); "
        "lower md.timestep, or the temperature."
    )


def _place(context: openmm.Context, molecular: MolecularSystem, positions: np.ndarray) -> None:
    """Set positions (atom, 3), A, and the sites M that follow from them."""
    placed = np.zeros((molecular.system.getNumParticles(), 3))
    placed[: len(molecular.atoms)] = positions[molecular.atoms] / nm
    context.setPositions(placed)
    if molecular.sites:
        context.computeVirtualSites()


def _positions(context: openmm.Context, molecular: MolecularSystem, start: np.ndarray) -> np.ndarray:
    """Positions (atom, 3), A; those of a metal that is a field are the ones of `start`."""
    positions = start.copy()
    reached = context.getState(positions=True).getPositions(asNumpy=True)._value * nm
    positions[molecular.atoms] = reached[: len(molecular.atoms)]
    return positions
