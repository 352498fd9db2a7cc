"""Speed of the engines of molecular dynamics side by side, and whether one protocol gives one liquid on each.

    python benchmarks/md.py [--quick]

Writes benchmarks/md.json and docs/md_benchmark.png; with --quick, which only tries the script, both go to
results/benchmarks instead. An engine that is not installed is left out. About five minutes on two free cores.
"""

import argparse
import json
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.units import kJ, mol
from machine import cores, machine

from icescope.errors import InputError
from icescope.figures.page import PAGE, new_figure
from icescope.md.engine import RECORD_COLUMNS, Engine, State
from icescope.md.engines import ENGINES, engine
from icescope.md.model import Model
from icescope.md.stage import Stage
from icescope.structures.ice import ice_ih

ROOT = Path(__file__).parents[1]
MODEL = Model()  # TIP4P/Ice, both cut-offs 10 A, 2 fs
LIQUID = Model(water="spce", lj_cutoff=8.0, coulomb_cutoff=8.0)
START = 0.02  # ps, a run whose time is taken off, as set-up
ROOM = 298.0  # K
BAR = 1e-4  # GPa
# Okabe and Ito's palette: told apart under every common colour vision.
COLOURS = {"openmm": "#0072B2", "lammps": "#D55E00", "gromacs": "#009E73"}


@dataclass(frozen=True)
class Size:
    """What is measured: all of it, or next to nothing to try the script."""

    systems: dict[int, tuple[list[int], dict[str, float]]]  # molecules: cells of ice, ps to run by engine
    rounds: int
    beside: dict[str, float]  # ps to run by engine, with all cores busy
    melt: float  # ps, and the following ones, of the liquid of 288 molecules
    equilibrate: float
    sample: float


FULL = Size(
    systems={
        432: ([3, 3, 3], {"openmm": 0.6, "lammps": 0.4, "gromacs": 2.0}),
        2880: ([6, 6, 5], {"openmm": 0.15, "lammps": 0.1, "gromacs": 0.5}),
    },
    rounds=2,
    beside={"openmm": 0.5, "lammps": 0.3, "gromacs": 0.6},
    melt=4.0,
    equilibrate=2.0,
    sample=16.0,
)
QUICK = Size(
    systems={432: ([3, 3, 3], {"openmm": 0.1, "lammps": 0.1, "gromacs": 0.1})},
    rounds=1,
    beside={"openmm": 0.1, "lammps": 0.1, "gromacs": 0.1},
    melt=1.0,
    equilibrate=0.2,
    sample=1.6,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="try the script on short runs")
    size = QUICK if parser.parse_args().quick else FULL
    results = ROOT / "results/benchmarks" if size is QUICK else ROOT / "benchmarks"
    figures = results if size is QUICK else ROOT / "docs"
    results.mkdir(parents=True, exist_ok=True)
    names = installed()

    load = [os.getloadavg()[0]]
    energies = same_configuration(names)
    print(energies.to_string(index=False), flush=True)
    speeds = speed(names, size)
    print(speeds.to_string(index=False, float_format="{:.3g}".format), flush=True)
    beside = threads_beside(names, size)
    print(beside.to_string(index=False, float_format="{:.3g}".format), flush=True)
    load.append(os.getloadavg()[0])
    liquid = same_liquid(names, size)
    print(liquid.to_string(index=False, float_format="{:.4g}".format))

    result = {
        **machine(),
        "load_average": load,  # before, and after what is timed; other work on the machine raises it above our own
        "model": {"water": MODEL.water, "cutoff_A": MODEL.lj_cutoff, "timestep_fs": MODEL.timestep},
        "same_configuration": energies.to_dict("records"),
        "speed": speeds.to_dict("records"),
        "threads": beside.to_dict("records"),
        "same_liquid": liquid.to_dict("records"),
    }
    (results / "md.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(speeds, beside, figures / "md_benchmark.png")


def installed() -> list[str]:
    """Names of the engines that this machine has, OpenMM first."""
    names = []
    for name in ENGINES:
        try:
            engine(name)
            names.append(name)
        except InputError as missing:
            print(f"without {name}: {missing}")
    return names


def same_configuration(names: list[str]) -> pd.DataFrame:
    """Potential energy of one configuration of 2,880 molecules, and forces against OpenMM's, a row an engine."""
    atoms = ice_ih([6, 6, 5], seed=1)
    kicks = np.random.default_rng(0).normal(scale=0.08, size=(len(atoms) // 3, 3))  # A; no force is 0 by symmetry
    atoms.positions += np.repeat(kicks, 3, axis=0)
    found = {name: engine(name).energy_and_forces(atoms, MODEL) for name in names}
    expected, expected_forces = found["openmm"]
    size = np.sqrt((expected_forces**2).mean())
    return pd.DataFrame(
        {
            "engine": name,
            "energy_kJ_per_mol": sum(energies.values()) / (kJ / mol),
            "relative_difference": sum(energies.values()) / sum(expected.values()) - 1,
            "force_difference": float(np.sqrt(((forces - expected_forces) ** 2).mean()) / size),
        }
        for name, (energies, forces) in found.items()
    )


def speed(names: list[str], size: Size) -> pd.DataFrame:
    """ns a day of each engine on one thread at constant volume, in turns, by processor time; a row each."""
    runs: dict[tuple[int, str], list[float]] = {}
    for molecules, (repeats, durations) in size.systems.items():
        atoms = ice_ih(repeats, seed=1)
        for _ in range(size.rounds):
            for name in names:
                _, by_core = ns_per_day(engine(name), atoms, durations[name])
                runs.setdefault((molecules, name), []).append(by_core)
    return pd.DataFrame(
        {
            "molecules": molecules,
            "engine": name,
            "ns_per_day": float(np.median(rounds)),
            "ns_per_day_all": rounds,
            "ratio_to_openmm": float(np.median(np.array(rounds) / runs[molecules, "openmm"])),
        }
        for (molecules, name), rounds in runs.items()
    )


def ns_per_day(one: Engine, atoms: Atoms, duration: float) -> tuple[float, float]:
    """Speed of a run of so many ps, by the clock and by processor time, without what a very short one takes."""
    begin = State(atoms.positions, None, atoms.cell.array)
    seconds = []
    for ps in (START, START + duration):
        start = np.array([time.perf_counter(), core_seconds()])
        one.run(atoms, MODEL, Stage("speed", ps, (77.0, 77.0)), begin, 1, ps)
        seconds.append(np.array([time.perf_counter(), core_seconds()]) - start)
    by_clock, by_core = duration / 1000 / (seconds[1] - seconds[0]) * 86400
    return float(by_clock), float(by_core)


def core_seconds() -> float:
    """Processor time of this process and of the programs that it has run."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def threads_beside(names: list[str], size: Size) -> pd.DataFrame:
    """Speed of one run of one thread, one of N, and N of one on N cores, a row each.

    By the clock that of all runs together, which needs a machine with nothing else to do; by processor time that of
    one core, the best of the rounds each.
    """
    count = min(cores(), 2)
    rows: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
    for _ in range(size.rounds):
        for name in names:
            for runs, threads in dict.fromkeys([(1, 1), (1, count), (count, 1)]):
                with ProcessPoolExecutor(runs, mp_context=get_context("spawn")) as pool:
                    jobs = [pool.submit(one_of_many, name, threads, size.beside[name]) for _ in range(runs)]
                    speeds = np.array([job.result() for job in jobs])
                found = float(speeds[:, 0].sum()), float(speeds[:, 1].mean())
                rows.setdefault((name, runs, threads), []).append(found)
    return pd.DataFrame(
        {
            "engine": name,
            "runs": runs,
            "threads": threads,
            "ns_per_day": max(by_clock for by_clock, _ in found),
            "ns_per_core_day": max(by_core for _, by_core in found),
        }
        for (name, runs, threads), found in rows.items()
    )


def one_of_many(name: str, threads: int, duration: float) -> tuple[float, float]:
    """Speed of one run of 432 molecules in a process of its own."""
    return ns_per_day(engine(name, threads), ice_ih([3, 3, 3], seed=1), duration)


def same_liquid(names: list[str], size: Size) -> pd.DataFrame:
    """Density and energy of liquid SPC/E at 298 K and 1 bar by each engine, from one start, with block errors."""
    atoms = ice_ih([2, 3, 3], seed=1, water="spce", density=1.0)
    state = State(atoms.positions, None, atoms.cell.array)
    melter = engine(names[-1])
    for temperatures in ((500.0, 500.0), (500.0, ROOM)):
        state = melter.run(atoms, LIQUID, Stage("melt", size.melt, temperatures), state, 1, size.melt).state
    rows = []
    for name in names:
        one = engine(name)
        pressure = (BAR, BAR)
        stage = Stage("equilibration", size.equilibrate, (ROOM, ROOM), pressure)
        begin = one.run(atoms, LIQUID, stage, state, 2, size.equilibrate).state
        stage = Stage("sampling", size.sample, (ROOM, ROOM), pressure)
        record = one.run(atoms, LIQUID, stage, begin, 3, 0.1).record
        blocks = record.reshape(8, -1, record.shape[1]).mean(axis=1)
        mean, error = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
        row = {"engine": name, "molecules": len(atoms) // 3, "ps": size.sample}
        for key, column, unit in (
            ("temperature_K", "temperature_K", 1),
            ("density_g_per_cm3", "density_g_per_cm3", 1),
            ("energy_kJ_per_mol", "potential_energy_eV", kJ / mol * len(atoms) / 3),
        ):
            index = RECORD_COLUMNS.index(column)
            row |= {key: float(mean[index] / unit), f"{key}_error": float(error[index] / unit)}
        rows.append(row)
    return pd.DataFrame(rows)


def draw(speeds: pd.DataFrame, beside: pd.DataFrame, path: Path) -> None:
    """Speed on one thread by size and engine, and what one run on two threads gives beside two runs on one each."""
    figure = new_figure(PAGE, 2.4)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    names = list(dict.fromkeys(speeds.engine))
    for axis, table, groups, label in (
        (left, speeds, [(speeds.molecules == n, f"{n:,} molecules") for n in dict.fromkeys(speeds.molecules)], True),
        (
            right,
            beside,
            [
                ((beside.runs == r) & (beside.threads == t), f"{r} run{'s' * (r > 1)} of\n{t} thread{'s' * (t > 1)}")
                for r, t in dict.fromkeys(zip(beside.runs, beside.threads, strict=True))
            ],
            False,
        ),
    ):
        width = 0.8 / len(names)
        for place, name in enumerate(names):
            heights = [float(table[rows & (table.engine == name)].ns_per_day.iloc[0]) for rows, _ in groups]
            x = np.arange(len(groups)) + (place - (len(names) - 1) / 2) * width
            bars = axis.bar(x, heights, width, color=COLOURS[name], label=name if label else None)
            axis.bar_label(bars, fmt="{:.3g}", fontsize=6)
        axis.set(xticks=range(len(groups)), xticklabels=[text for _, text in groups], yscale="log")
        axis.margins(y=0.2)
        axis.set_ylim(bottom=0.5)
    left.set(ylabel="ns/day", title="one thread, processor time")
    right.set(title="432 molecules, by the clock")
    left.legend()
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
