"""The phases of water that the protocols make, against published densities: ices and liquid, 432 molecules each.

    python benchmarks/phases.py [--engine openmm] [CASE ...]

Cases: ice, liquid, hda, lda, mda; all if none is named. One thread. With OpenMM lda takes about 45 core-minutes, mda
25, the others 2 to 8; GROMACS is several times faster, but makes no ramps of pressure (hda). A run that was stopped
goes on where it was; one whose record is there is not run again. Writes benchmarks/phases.json and docs/phases.png with
the runs that are done; they are in results/benchmarks/phases.
"""

import argparse
import json
import logging
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from machine import machine

from icescope.figures.page import PAGE, new_figure
from icescope.figures.run_record import draw_record
from icescope.md.engines import ENGINES, engine
from icescope.md.model import Model
from icescope.md.protocol import ATMOSPHERE, compress, equilibrate, melt, quench, relax, sample
from icescope.md.record import read_record, stage_mean, stage_spans
from icescope.md.run import run
from icescope.md.shuffle import shuffle_layers
from icescope.md.stage import Stage
from icescope.structures.ice import ice_ih

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "benchmarks" / "phases"
RESULTS = ROOT / "benchmarks" / "phases.json"
FIGURE = ROOT / "docs" / "phases.png"
REPEATS = [3, 3, 3]  # 432 molecules, the fewest that stay above twice the cut-off when they are compressed
CUTOFF = 9.0  # A, with tail correction
SEED = 20260221
FRAME, CHECKPOINT = 0.5, 50.0  # ps
COLD = 77.0  # K
RATE = 100.0  # GPa/ns
DEPARTURE = 0.03  # g/cm3 above the line of the crystal's compression: the transition has begun
# Published value and tolerance (Ih: Abascal et al. 2005, SPC/E: Berendsen et al. 1987), or bounds to meet, g/cm3.
EXPECTED = {"ice": (0.925, 0.935), "liquid": (0.99, 1.005), "lda": (0.95, 1.00)}


def main() -> None:
    """Run what is not yet run, then write the results of all cases that are done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--engine", choices=ENGINES, default="openmm")
    arguments = parser.parse_args()
    chosen = arguments.cases or list(CASES)
    unknown = set(chosen) - set(CASES)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; take some of {', '.join(CASES)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in chosen:
        folder = RUNS / f"{name}-{arguments.engine}"
        if not (folder / "record.csv").is_file():
            began = cpu_seconds()
            CASES[name](folder, arguments.engine)
            logging.info("%s took %.0f core-seconds in this call", name, cpu_seconds() - began)
        write_results()


def write_results() -> None:
    """Numbers and figures of the cases that are done."""
    paths = {f"{case}-{by}": RUNS / f"{case}-{by}" for case in CASES for by in ENGINES}
    records = {
        name: read_record(path / "record.csv") for name, path in paths.items() if (path / "record.csv").is_file()
    }
    results: dict = {}
    for name, record in records.items():
        results[name] = {"density_g_per_cm3": densities(record)}
        loading = record[record.stage == "compression"]
        if len(loading):
            results[name] |= onset(loading.set_pressure_GPa.to_numpy(), loading.density_g_per_cm3.to_numpy())
        spans = stage_spans(record)
        results[name]["stages"] = [f"{s.name} {s.end - s.start:g} ps {s.rate}".strip() for s in spans]
        draw_record(record, f"{name}: 432 molecules").savefig(paths[name] / "record.png")
    text = {
        "results": results,
        "expected_density_g_per_cm3": EXPECTED,
        "machine": machine() | {"openmm": version("openmm")},
    }
    RESULTS.write_text(json.dumps(text, indent=1) + "\n")
    draw_phases(records).savefig(FIGURE, metadata={"Software": None})


def densities(record: pd.DataFrame) -> dict[str, float]:
    """Mean of the final sampling, and its standard error from blocks of 4 ps, g/cm3."""
    density = record[record.stage == "sampling"].density_g_per_cm3.to_numpy()
    size = round(4 / FRAME)
    blocks = density[: len(density) // size * size].reshape(-1, size).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(len(blocks))
    return {"mean": round(stage_mean(record, "sampling", "density_g_per_cm3"), 4), "error": round(float(error), 4)}


def onset(pressure: np.ndarray, density: np.ndarray) -> dict[str, float]:
    """Pressure, GPa, at which the density leaves the line of the crystal's compression, in two ways.

    The line is fitted from 0.2 to 1.0 GPa. "onset_GPa": the density, smoothed over 5 rows, is DEPARTURE above it for
    good. "tangent_onset_GPa": where the tangent of the rise, fitted between a quarter and three quarters of the last
    excess, meets the line; a fast ramp broadens the rise and so lowers this one.
    """
    elastic = (pressure > 0.2) & (pressure < 1.0)
    slope, intercept = np.polyfit(pressure[elastic], density[elastic], 1)
    smooth = np.convolve(density, np.full(5, 0.2), mode="same")[2:-2]
    excess, at = smooth - (slope * pressure[2:-2] + intercept), pressure[2:-2]
    below = np.flatnonzero(excess < DEPARTURE)[-1]
    part = (DEPARTURE - excess[below]) / (excess[below + 1] - excess[below])
    rising = (excess > 0.25 * excess[-1]) & (excess < 0.75 * excess[-1]) & (at > 1.0)
    steep, offset = np.polyfit(at[rising], excess[rising], 1)
    return {
        "onset_GPa": round(float(at[below] + part * (at[below + 1] - at[below])), 3),
        "tangent_onset_GPa": round(float(-offset / steep), 3),
    }


def draw_phases(records: dict[str, pd.DataFrame]):
    """Compression and unloading of HDA, quench of LDA, and the density of every phase."""
    figure = new_figure(PAGE, 2.6)
    loops, cooling, bars = figure.subplots(1, 3)
    for case, axis, column in (("hda", loops, "set_pressure_GPa"), ("lda", cooling, "set_temperature_K")):
        for name in [name for name in records if name.startswith(case)]:
            for span in stage_spans(records[name]):
                if span.rate:
                    rows = records[name].iloc[span.rows]
                    axis.plot(rows[column], rows.density_g_per_cm3, linewidth=0.8, label=f"{span.name}, {span.rate}")
    loops.set(xlabel="pressure (GPa)", ylabel="density (g/cm³)", title="ice Ih to HDA, 77 K")
    cooling.set(xlabel="temperature (K)", title="liquid to LDA, 1 bar")
    for index, (name, record) in enumerate(records.items()):
        density = densities(record)
        bars.errorbar(index, density["mean"], 2 * density["error"], fmt="o", color="#0072B2", capsize=2)
        case = name.split("-")[0]
        if case in EXPECTED:
            bars.vlines(index + 0.2, *EXPECTED[case], color="0.5", linewidth=3)
    bars.set_xticks(range(len(records)), [f"{NAMES[name.split('-')[0]]}" for name in records])
    bars.set_title("sampling; grey: expected")
    for axis in (loops, cooling):
        if axis.lines:
            axis.legend(fontsize=5)
    return figure


def ice(folder: Path, by: str) -> None:
    """Ice Ih at 77 K and 1 bar: 0.930 g/cm3 (Abascal et al. 2005)."""
    simulate(folder, by, equilibrate(COLD, ATMOSPHERE, 10) + sample(COLD, ATMOSPHERE, 20))


def liquid(folder: Path, by: str) -> None:
    """Liquid SPC/E at 298 K and 1 bar: 0.998 g/cm3 (Berendsen et al. 1987)."""
    stages = melt(450, ATMOSPHERE, 10) + equilibrate(298, ATMOSPHERE, 20) + sample(298, ATMOSPHERE, 60)
    simulate(folder, by, stages, water="spce")


def hda(folder: Path, by: str) -> None:
    """Ih compressed at 77 K to 2.5 GPa and unloaded to 0.4 GPa."""
    stages = equilibrate(COLD, ATMOSPHERE, 5) + compress(0, 2.5, RATE, COLD)
    simulate(folder, by, stages + compress(2.5, 0.4, RATE, COLD) + sample(COLD, 0.4, 20))


def lda(folder: Path, by: str) -> None:
    """Liquid quenched at 100 K/ns from 250 to 180 K, faster outside, to 77 K at 1 bar."""
    stages = melt(450, ATMOSPHERE, 20) + equilibrate(300, ATMOSPHERE, 20)
    stages += quench(300, 250, 1000) + quench(250, 180, 100) + quench(180, COLD, 2000) + sample(COLD, ATMOSPHERE, 20)
    simulate(folder, by, stages)


def mda(folder: Path, by: str) -> None:
    """Ih with 100 random displacements of layers, relaxed at 130 K for 200 ps, at 77 K and 1 bar."""
    model = Model(lj_cutoff=CUTOFF, coulomb_cutoff=CUTOFF)
    shuffled = shuffle_layers(ice_ih(REPEATS, SEED), model, engine(by), 100, SEED, folder)
    stages = relax(130, ATMOSPHERE, 200) + quench(130, COLD, 1000) + sample(COLD, ATMOSPHERE, 20)
    simulate(folder, by, stages, shuffled)


def cpu_seconds() -> float:
    """Of this process and of the programs that it has run."""
    return sum(os.times()[:4])


def simulate(folder: Path, by: str, stages: list[Stage], atoms: Atoms | None = None, water: str = "tip4p_ice") -> None:
    """Run the stages on a structure, ice Ih unless one is given, and keep the record, last of all, and the end."""
    atoms = ice_ih(REPEATS, SEED, water) if atoms is None else atoms
    model = Model(water=water, lj_cutoff=CUTOFF, coulomb_cutoff=CUTOFF)
    finished = run(atoms, stages, model, engine(by), SEED, folder, FRAME, CHECKPOINT)
    finished.atoms.write(folder / "end.extxyz")
    finished.record.to_csv(folder / "record.csv", index=False, float_format="%.7g")


NAMES = {"ice": "Ih", "liquid": "SPC/E", "hda": "HDA\n0.4 GPa", "lda": "LDA", "mda": "MDA"}
CASES: dict[str, Callable[[Path, str], None]] = {"ice": ice, "liquid": liquid, "hda": hda, "lda": lda, "mda": mda}

if __name__ == "__main__":
    main()
