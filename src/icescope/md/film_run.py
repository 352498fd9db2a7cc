"""Run a water film: minimise, melt, equilibrate, produce; resumable at any moment."""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openmm
from ase import Atoms
from ase.units import kB, kJ, mol, nm

from icescope.errors import InputError
from icescope.md.checkpoint import RunState, load, run_hash, save
from icescope.md.protocol import Segment, segments, steps_in_interval
from icescope.md.system import film_system
from icescope.md.trajectory import write_frames, write_topology
from icescope.progress import track
from icescope.provenance import derive_seed
from icescope.storage import whole_file
from icescope.structures.film import water_and_metal

MINIMISER_STEPS = 300
CHECKPOINT = "checkpoint.npz"
RECORD_COLUMNS = ("time_ps", "phase", "temperature_K", "potential_energy_eV")

log = logging.getLogger(__name__)


def run_film(
    atoms: Atoms,
    temperature: float,
    md: dict,
    seed: int,
    checkpoint_dir: str | Path,
    trajectory_path: str | Path,
    topology_path: str | Path,
    record_path: str | Path,
    threads: int,
) -> None:
    """Run the protocol of config `md` on a film, and write its trajectory, topology and record.

    After a kill, the same call goes on at the last checkpoint, and its result is that of an unbroken run, bit
    for bit on a CPU with one thread: each segment starts from stored positions and velocities with a seed of
    its own. A checkpoint of other parameters is not used. After the last segment only the outputs are assembled;
    the checkpoints stay until the caller, with all its own outputs whole, calls `remove_checkpoints`.

    Parameters
    ----------
    atoms
        Film from `water_film`.
    temperature
        Of the equilibration and the production, K.
    md
        Config block `md`: timestep (fs), friction (1/ps), cutoff (A), melt_temperature (K), and melt,
        equilibration, production, frame_interval, checkpoint_interval (ps).
    seed
        Seed of the velocities and of the Langevin noise.
    checkpoint_dir
        Folder of the checkpoint and the finished segments.
    trajectory_path, topology_path, record_path
        XTC of the production (times count from the start of the melt), PDB, and CSV of `RECORD_COLUMNS` at
        every frame interval of all phases. The potential energy has no part within the metal.
    threads
        CPU threads, unless OpenMM finds a CUDA device.

    Raises
    ------
    InputError
        Parameters that do not fit together, or a run that blows up.
    """
    plan = segments(md, temperature)
    run = run_hash(atoms, temperature, md, seed)
    folder = Path(checkpoint_dir)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / CHECKPOINT
    state = load(checkpoint, run)
    parts = {index: folder / f"segment-{index:05d}.xtc" for index, s in enumerate(plan) if s.phase == "production"}
    if state and not all(path.is_file() for index, path in parts.items() if index < state.done):
        log.warning("%s has lost segments of the trajectory; the run starts afresh.", folder)
        state = None
    if state:
        log.info("resumes after segment %d of %d from %s", state.done, len(plan), checkpoint)
    if state is None or state.done < len(plan):
        system, platform = film_system(atoms, md["cutoff"]), _platform(threads)
        if state is None:
            state = _minimised(system, atoms, md, platform)
        total = plan[-1].first + plan[-1].intervals
        done = len(state.record)
        ticks = track(range(done, total), f"film at {temperature:g} K", total=total, start=done)
        for index in range(state.done, len(plan)):
            segment_seed = derive_seed(seed, "segment", index)
            state, frames = _run_segment(system, atoms, plan[index], state, md, segment_seed, platform, ticks)
            if index in parts:
                write_frames(atoms, frames, state.record[-len(frames) :, 0], parts[index])
            save(checkpoint, state, run)
        next(ticks, None)  # ends the progress bar

    write_topology(atoms, topology_path)
    _write_record(plan, state.record, record_path)
    with whole_file(trajectory_path) as partial, open(partial, "wb") as whole:
        for path in parts.values():  # an XTC file is its frames, one after another
            whole.write(path.read_bytes())


def remove_checkpoints(checkpoint_dir: str | Path) -> None:
    """Remove the files that `run_film` keeps, the checkpoint first, and their folder if nothing else is in it."""
    folder = Path(checkpoint_dir)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    for pattern in ("segment-*.xtc", ".segment-*.partial*", f".{CHECKPOINT}.partial*"):
        for path in folder.glob(pattern):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _run_segment(
    system: openmm.System,
    atoms: Atoms,
    segment: Segment,
    state: RunState,
    md: dict,
    seed: int,
    platform: tuple[openmm.Platform, dict[str, str]],
    ticks: Iterator[int],
) -> tuple[RunState, np.ndarray]:
    """Run one segment from a state; return the next state and the positions (frame, atom, 3), A."""
    context = _context(system, md, platform, segment.temperature, seed)
    context.setPositions(state.positions)
    if state.done == 0:
        context.setVelocitiesToTemperature(segment.temperature, seed)
    else:
        context.setVelocities(state.velocities)
    water, _ = water_and_metal(atoms.get_chemical_symbols())
    freedom = 2 * len(water)  # six degrees of freedom for each rigid molecule of three atoms
    frames, record = [], []
    for interval, _ in zip(range(segment.intervals), ticks, strict=False):
        time = (segment.first + interval + 1) * md["frame_interval"]
        try:
            context.getIntegrator().step(steps_in_interval(md))
            reached = context.getState(positions=True, velocities=True, energy=True)
            energy = reached.getPotentialEnergy()._value * kJ / mol
        except openmm.OpenMMException as error:
            if "NaN" not in str(error):
                raise
            energy = np.nan
        if not np.isfinite(energy):
            raise InputError(
                f"The film's energy is not a number at {time:g} ps ({segment.phase}, {segment.temperature:g} K); "
                "lower md.timestep, or the temperature."
            )
        kinetic = reached.getKineticEnergy()._value * kJ / mol
        record.append((time, 2 * kinetic / (freedom * kB), energy))
        positions = atoms.positions.copy()
        positions[water] = reached.getPositions(asNumpy=True)._value * nm
        frames.append(positions)
    return (
        RunState(
            done=state.done + 1,
            positions=reached.getPositions(asNumpy=True)._value,
            velocities=reached.getVelocities(asNumpy=True)._value,
            record=np.concatenate([state.record, record]),
        ),
        np.array(frames),
    )


def _minimised(
    system: openmm.System, atoms: Atoms, md: dict, platform: tuple[openmm.Platform, dict[str, str]]
) -> RunState:
    """State before the first segment: positions after minimisation, no velocities yet."""
    water, _ = water_and_metal(atoms.get_chemical_symbols())
    context = _context(system, md, platform, md["melt_temperature"], seed=1)
    context.setPositions(atoms.positions[water] / nm)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=MINIMISER_STEPS)
    positions = context.getState(positions=True).getPositions(asNumpy=True)._value
    return RunState(0, positions, np.zeros_like(positions), np.empty((0, 3)))


def _context(
    system: openmm.System,
    md: dict,
    platform: tuple[openmm.Platform, dict[str, str]],
    temperature: float,
    seed: int,
) -> openmm.Context:
    """Context with a seeded Langevin integrator (BAOAB splitting, Zhang et al., J. Phys. Chem. A 123, 6056, 2019)."""
    integrator = openmm.LangevinMiddleIntegrator(temperature, md["friction"], md["timestep"] / 1000)
    integrator.setRandomNumberSeed(max(seed, 1))  # 0 would mean a seed from the clock
    return openmm.Context(system, integrator, *platform)


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


def _write_record(plan: list[Segment], record: np.ndarray, path: str | Path) -> None:
    """Write the record (interval, 3) with the phase of each row as CSV."""
    phases = [segment.phase for segment in plan for _ in range(segment.intervals)]
    with whole_file(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(RECORD_COLUMNS)
        for phase, (time, kelvin, energy) in zip(phases, record, strict=True):
            writer.writerow([f"{time:.6g}", phase, f"{kelvin:.3f}", f"{energy:.6f}"])
