"""Amorphous ices by dynamics: LDA, HDA and MDA as Shupletsova and Stegailov 2026 (section II.A) prepare them."""

from dataclasses import replace
from pathlib import Path

from ase import Atoms

from icescope.errors import InputError
from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.protocol import ATMOSPHERE, compress, equilibrate, melt, quench, relax
from icescope.md.run import Finished, run
from icescope.md.shuffle import shuffle_layers
from icescope.md.stage import Stage, whole_intervals
from icescope.structures.ice import ice_ih

PHASES = ("LDA", "MDA", "HDA")
COLD = 77.0  # K
HOT, LIQUID = 450.0, 300.0  # K, to melt at and to equilibrate at
GLASS = (250.0, 180.0)  # K, between which a quench has its rate; it is faster before and after
FASTER = 10.0  # times
ANNEALING = 130.0  # K, of MDA
COMPRESSION_FRAMES = 200  # about as many; the paper has 100


def prepare(
    phase: str,
    md: dict,
    protocol: dict,
    states: list[Stage],
    seed: int,
    folder: str | Path,
    crystal: Atoms | None = None,
    **processors,
) -> tuple[Atoms, Finished]:
    """Make an amorphous ice and take it through some states, with the record of all of it.

    - LDA: liquid cooled at 1 bar to 77 K.
    - HDA: ice Ih compressed at 77 K and unloaded to the pressure of the first state.
    - MDA: ice Ih with layers displaced at random (Rosu-Finsen et al. 2023), relaxed at 130 K.

    Parameters
    ----------
    phase
        Of PHASES.
    md
        Of the configuration's block `amorphous`: engine, compression_engine (for changes of pressure), repeats, cutoff
        (A), timestep (fs), frame_interval and checkpoint_interval (ps).
    protocol
        Of the same block: melt (ps), cooling_rate (K/ns), compression_rate (GPa/ns), compression_peak (GPa),
        displacements, annealing (ps).
    states
        From `state_points`, or other stages.
    folder
        For checkpoints, of this run alone; see `md.run.run`.
    crystal
        To begin with; ice Ih of md["repeats"] cells unless given.
    processors
        `threads`, `mpi` and `tasks` of `md.engines.engine`.

    Returns
    -------
    The structure that the dynamics began with, and what they ended with.

    Raises
    ------
    InputError
        No such phase, or what `md.run.run` refuses.
    """
    if phase not in PHASES:
        raise InputError(f"there is no amorphous ice {phase!r}; take one of {', '.join(PHASES)}.")
    atoms = ice_ih(md["repeats"], seed) if crystal is None else crystal
    if phase == "MDA":
        by = engine(md["engine"], **processors)
        atoms = shuffle_layers(atoms, model(md), by, protocol["displacements"], seed, folder)
    first = states[0].pressure
    making = [
        replace(stage, frames=False) for stage in making_stages(phase, protocol, first[0] if first else ATMOSPHERE)
    ]
    return atoms, run_ice(atoms, making + states, md, seed, folder, **processors)


def run_ice(atoms: Atoms, stages: list[Stage], md: dict, seed: int, folder: str | Path, **processors) -> Finished:
    """Run stages on water of TIP4P/Ice, with the engine that can; arguments as in `prepare`.

    A stage that is not a whole number of frame intervals long, as ramps at a given rate may be, lasts up to the next.
    """
    stages = whole_intervals(stages, md["frame_interval"])
    by = engine(engine_name(stages, md), **processors)
    return run(atoms, stages, model(md), by, seed, folder, md["frame_interval"], md["checkpoint_interval"])


def engine_name(stages: list[Stage], md: dict) -> str:
    """Of the engine for some stages: the one for changes of pressure, or along x alone, where there are any."""
    changes = any(stage.pressure_rate or (stage.pressure and stage.coupling != "isotropic") for stage in stages)
    return md["compression_engine"] if changes else md["engine"]


def state_points(temperatures: list[float], pressures: list[float], settle: float, sampling: float) -> list[Stage]:
    """All pairs of temperature, K, and pressure, GPa: some time to settle, ps, then frames, ps.

    At each pressure the temperature rises; the next pressure begins again at the lowest.
    """
    stages = []
    for pressure in pressures:
        for kelvin in sorted(temperatures):
            stages += equilibrate(kelvin, pressure, settle)
            stages.append(Stage(f"{kelvin:g} K, {pressure:g} GPa", sampling, (kelvin, kelvin), (pressure, pressure)))
    return stages


def compression_stages(peak: float, rate: float, settle: float) -> list[Stage]:
    """LDA at 77 K: some time, ps, at 1 bar, then compressed to a pressure, GPa, at a rate, GPa/ns, with all frames."""
    return equilibrate(COLD, ATMOSPHERE, settle) + compress(0, peak, rate, COLD)


def compression_md(md: dict, peak: float, rate: float) -> dict:
    """The block `md` for a compression to a peak, GPa, at a rate, GPa/ns: slow ones have frames further apart."""
    apart = max(1, round(1000 * peak / rate / COMPRESSION_FRAMES / md["frame_interval"])) * md["frame_interval"]
    return md | {
        "frame_interval": apart,
        "checkpoint_interval": max(1, round(md["checkpoint_interval"] / apart)) * apart,
    }


def model(md: dict) -> Model:
    """TIP4P/Ice with one cut-off and the tail of Lennard-Jones beyond it."""
    return Model(lj_cutoff=md["cutoff"], coulomb_cutoff=md["cutoff"], timestep=md["timestep"])


def making_stages(phase: str, protocol: dict, pressure: float) -> list[Stage]:
    """The stages before the states; those of HDA end at a pressure, GPa."""
    if phase == "LDA":
        rate, (upper, lower) = protocol["cooling_rate"], GLASS
        stages = melt(HOT, ATMOSPHERE, protocol["melt"]) + equilibrate(LIQUID, ATMOSPHERE, protocol["melt"])
        stages += quench(LIQUID, upper, FASTER * rate) + quench(upper, lower, rate)
        return stages + quench(lower, COLD, FASTER * rate)
    if phase == "MDA":
        return relax(ANNEALING, ATMOSPHERE, protocol["annealing"])
    peak, rate = protocol["compression_peak"], protocol["compression_rate"]
    return compress(0, peak, rate, COLD) + compress(peak, pressure, rate, COLD)
