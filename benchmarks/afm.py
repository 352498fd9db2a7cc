"""Speed, memory and error of `icescope.afm.simulate` beside ppafm 0.4.1, and how its cost grows.

    python benchmarks/afm.py [--ppafm-bin DIR | --no-ppafm] [--quick]

One thread each on the same structure, scan and tip, in turns. Writes benchmarks/afm.json, docs/afm_benchmark.png and
docs/afm_cost.png; with --quick, which only tries the script, all three go to results/benchmarks instead.
"""

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import ppafm_peer
import torch
from ase import Atoms
from machine import cores, machine, peak_memory
from matplotlib.ticker import NullFormatter
from structures import layer

from icescope.afm import Scan, Tip, simulate
from icescope.figures.page import PAGE, new_figure

ROOT = Path(__file__).parents[1]
TIP = Tip(charge=-0.05)
AMPLITUDE = 0.5  # A
CLOSE = 7.3  # A; lowest anchor above the highest oxygen: the range of contrast
HEIGHTS = 31
PIXEL = 0.2  # A: 128 of them are the published windows of 2.5 nm
STEP = 0.1  # A, between heights
SNAP = 0.3  # A; a probe that moves sideways farther than this between two heights has changed its minimum
BATCH = "structures in the batch"
GPU_BATCHES = (1, 8, 64, 512)
DEFAULT_GRID = 0.1  # A, ppafm's
# Okabe and Ito's palette: told apart under every common colour vision.
COLOURS = {"ppafm": "#D55E00", "numba": "#0072B2", "torch": "#009E73", "triton": "#CC79A7"}


@dataclass(frozen=True)
class Size:
    """What is measured: all of it, or next to nothing to try the script."""

    side: int  # pixels of the compared images along x and y
    sparse: int  # every how many pixels the reference is computed
    rounds: int
    grids: tuple[float, ...]  # A, of ppafm
    batches: tuple[int, ...]
    molecules: tuple[int, ...]
    sides: tuple[int, ...]


FULL = Size(
    side=128,
    sparse=8,
    rounds=3,
    grids=(0.2, DEFAULT_GRID, 0.05),
    batches=(1, 3, 10, 30, 100, 300, 1000),
    molecules=(15, 30, 60, 120, 240, 480),
    sides=(8, 16, 32, 64, 128, 256),
)
QUICK = Size(
    side=24,
    sparse=4,
    rounds=1,
    grids=(0.2, DEFAULT_GRID),
    batches=(1, 3, 10),
    molecules=(15, 30, 60),
    sides=(8, 16, 32),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ppafm_peer.add_option(parser)
    parser.add_argument("--no-ppafm", action="store_true", help="measure ours alone")
    parser.add_argument("--quick", action="store_true", help="try the script on small sizes")
    options = parser.parse_args()
    python = None if options.no_ppafm else ppafm_peer.interpreter(options.ppafm_bin)
    size = QUICK if options.quick else FULL
    results = ROOT / "results/benchmarks" if options.quick else ROOT / "benchmarks"
    figures = results if options.quick else ROOT / "docs"
    results.mkdir(parents=True, exist_ok=True)

    table = comparison(python, size)
    print(table.to_string(index=False, float_format="{:.3g}".format), flush=True)
    throughputs = [throughput(method, size) for method in methods()]
    print(pd.DataFrame(throughputs).to_string(index=False, float_format="{:.3g}".format), flush=True)
    costs = cost(size)
    print(costs.to_string(index=False, float_format="{:.3g}".format))

    gpu = on_a_gpu(size) if torch.cuda.is_available() else None
    print(json.dumps(gpu))

    result = {
        **machine(),
        "scan": {
            "pixels": [size.side, size.side],
            "heights": HEIGHTS,
            "pixel_A": PIXEL,
            "step_A": STEP,
            "amplitude_A": AMPLITUDE,
        },
        "atoms": len(window_of_water(1)),
        "comparison": table.to_dict("records"),
        "throughput": throughputs,
        "gpu": gpu,
        "cost": costs.to_dict("records"),
        "growth": growth(costs),
    }
    (results / "afm.json").write_text(json.dumps(result, indent=2) + "\n")
    draw_comparison(table, figures / "afm_benchmark.png")
    draw_cost(costs, figures / "afm_cost.png")


def methods() -> tuple[str, ...]:
    """Our methods that this machine has, the slower one first."""
    return ("torch", "numba", "triton") if torch.cuda.is_available() else ("torch", "numba")


def on_gpu(method: str) -> bool:
    """Whether a method runs on a GPU here, so that its time is of the clock and not of the processor."""
    return torch.cuda.is_available() and method != "numba"


def comparison(python: Path | None, size: Size) -> pd.DataFrame:
    """Time of one sample, peak memory and error of every program, a row each."""
    atoms = window_of_water(1)
    scan = window(atoms, size.side)
    sparse = Scan(scan.x[:: size.sparse], scan.y[:: size.sparse], scan.tip_height)
    torch.set_num_threads(cores())
    reference = simulate(atoms, TIP, sparse, AMPLITUDE, method="reference", details=True)

    runs: dict[str, list[dict]] = {}
    for turn in range(size.rounds):
        if python:
            for grid in size.grids:
                # Only the default takes part in every round; the others show how its error and cost trade.
                if grid == DEFAULT_GRID or turn == 0:
                    peer = ppafm_peer.run(python, atoms, TIP, scan, AMPLITUDE, grid_step=grid)
                    sparsely = np.s_[:, :: size.sparse, :: size.sparse]
                    seconds = {"seconds": peer.core_seconds, "force_field_seconds": peer.field_seconds}
                    shown = {"shift": peer.shift[sparsely], "probe": peer.probe[sparsely]}
                    memory = {"start_memory_MiB": peer.start_memory, "peak_memory_MiB": peer.peak_memory}
                    run = {**seconds, **memory, **shown}
                    runs.setdefault(f"ppafm, {grid:g} A grid", []).append(run)
        for method in methods():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
                run = child.submit(measure_ours, method, atoms, scan, size.sparse).result()
            runs.setdefault(f"ours, {method}", []).append(run)

    snapped = snaps(reference.probe_position.values)
    rows = []
    for program, repeated in runs.items():
        first = repeated[0]
        kept = ~snapped
        if "probe" in first:
            kept &= ~snaps(first["probe"])
        error = np.abs(first["shift"] - reference.frequency_shift.values)[:, kept]
        rows.append(
            {
                "program": program,
                "seconds": float(np.median([run["seconds"] for run in repeated])),
                "seconds_all": [run["seconds"] for run in repeated],
                "force_field_seconds": first.get("force_field_seconds", 0.0),
                "start_memory_MiB": first["start_memory_MiB"],
                "peak_memory_MiB": max(run["peak_memory_MiB"] for run in repeated),
                "error_p50_Hz": float(np.percentile(error, 50)),
                "error_p99_Hz": float(np.percentile(error, 99)),
                "columns_compared": int(kept.sum()),
                "columns": kept.size,
            }
        )
    return pd.DataFrame(rows)


def measure_ours(method: str, atoms: Atoms, scan: Scan, sparse: int) -> dict:
    """One sample in a process of its own: seconds after the first call, peak memory, and sparse images."""
    torch.set_num_threads(1)
    start_memory = peak_memory()
    simulate(atoms, TIP, window(atoms, 2), AMPLITUDE, method=method)  # loads or compiles the code
    images, seconds = timed(lambda: simulate(atoms, TIP, scan, AMPLITUDE, method=method), on_gpu(method))
    shift = images.frequency_shift.values[:, ::sparse, ::sparse]
    memory = {"start_memory_MiB": start_memory, "peak_memory_MiB": peak_memory()}
    return {"seconds": seconds, **memory, "shift": shift}


def timed(call: Callable, gpu: bool) -> tuple:
    """What a call gives, and its seconds: of all cores together, or of the clock when a GPU works."""
    clock = time.perf_counter if gpu else time.process_time
    start = clock()
    return call(), clock() - start


def window_of_water(seed: int) -> Atoms:
    """A layer that fills a window of 2.5 nm but for a few vacancies: 60 molecules."""
    return layer(8, 8, seed)[:180]


def window(atoms: Atoms, side: int, heights: int = HEIGHTS) -> Scan:
    """A square scan over the middle of a structure, in the range of contrast."""
    x = PIXEL * (np.arange(side) - (side - 1) / 2)
    top = atoms.positions[atoms.symbols == "O", 2].max()
    return Scan(x, x, top + CLOSE + STEP * np.arange(heights))


def snaps(probe: np.ndarray) -> np.ndarray:
    """Columns (y, x) in which a probe (tip_height, y, x, 3) jumps sideways between two heights."""
    return (np.linalg.norm(np.diff(probe[..., :2], axis=0), axis=-1) > SNAP).any(0)


def throughput(method: str, size: Size) -> dict:
    """Samples a second of the whole machine, structures given as one batch; the median of five calls."""
    torch.set_num_threads(cores())
    count = (256 if on_gpu(method) else {"numba": 16, "torch": 2}[method] * cores()) if size is FULL else 4
    structures = [window_of_water(seed) for seed in range(count)]
    scan = window(structures[0], size.side)
    simulate(structures[:2], TIP, scan, AMPLITUDE, method=method)
    call = partial(simulate, structures, TIP, scan, AMPLITUDE, method=method)
    seconds = float(np.median([timed(call, gpu=True)[1] for _ in range(5 if method != "torch" else 1)]))  # of the clock
    where = torch.cuda.get_device_name() if on_gpu(method) else f"{cores()} cores"
    return {"method": method, "on": where, "samples": count, "samples_per_second": count / seconds}


def on_a_gpu(size: Size) -> dict:
    """Agreement of CPU and GPU (largest difference, Hz), samples a second by batch, and the time of 80,000 stacks."""
    structures = [window_of_water(seed) for seed in range(max(GPU_BATCHES))]
    scan = window(structures[0], size.side)
    images = {method: simulate(structures[0], TIP, scan, AMPLITUDE, method=method) for method in methods()}
    result = {"device": torch.cuda.get_device_name()}
    for method in ("torch", "triton"):
        difference = np.abs(images[method].frequency_shift - images["numba"].frequency_shift)
        result[f"{method}_against_cpu_Hz"] = {"p99": float(difference.quantile(0.99)), "max": float(difference.max())}
        rates = {}
        for batch in GPU_BATCHES:
            call = partial(simulate, structures[:batch], TIP, scan, AMPLITUDE, method=method)
            rates[batch] = batch / min(timed(call, gpu=True)[1] for _ in range(3))
        result[f"{method}_samples_per_second"] = rates
    stacks = 80_000 if size is FULL else 1024
    start = time.perf_counter()
    for _ in range(stacks // len(structures)):
        simulate(structures, TIP, scan, AMPLITUDE)
    seconds = time.perf_counter() - start
    return result | {"stacks": stacks // len(structures) * len(structures), "stacks_seconds": seconds}


def cost(size: Size) -> pd.DataFrame:
    """Seconds of one sample as the batch, the atoms and the points grow, each row one size; one thread."""
    torch.set_num_threads(1)
    method = methods()[-1]
    rows = []

    def row(varied: str, value: int, structures: list[Atoms], side: int) -> None:
        scan = window(structures[0], side)
        call = partial(simulate, structures, TIP, scan, AMPLITUDE, method=method)
        repeats = max(2, 8 // len(structures))
        seconds = min(timed(call, on_gpu(method))[1] for _ in range(repeats)) / len(structures)
        rows.append({"varied": varied, "value": value, "seconds_per_sample": seconds})

    for batch in size.batches:
        row(BATCH, batch, [window_of_water(seed) for seed in range(batch)], 16)
    for molecules in size.molecules:
        columns = int(np.sqrt(molecules))
        while molecules % columns:
            columns -= 1
        row("atoms", 3 * molecules, [layer(columns, molecules // columns, seed=1)], 64)
    for side in size.sides:
        row("scan points", side**2 * HEIGHTS, [window_of_water(1)], side)
    return pd.DataFrame(rows).assign(method=method)


def growth(costs: pd.DataFrame) -> list[dict]:
    """How the cost of a sample grows: constant with the batch, offset + slope n with atoms and points.

    The deviation is the largest between measurement and line, as a fraction of the line.
    """
    rows = []
    for varied, group in costs.groupby("varied", sort=False):
        sizes, seconds = group.value.to_numpy(float), group.seconds_per_sample.to_numpy()
        if varied == BATCH:
            slope, offset = 0.0, float(np.median(seconds))
        else:
            slope, offset = map(float, np.polyfit(sizes, seconds, 1, w=1 / seconds))
        deviation = float(np.abs(seconds / (offset + slope * sizes) - 1).max())
        rows.append({"varied": varied, "offset_s": offset, "slope_s": slope, "deviation": deviation})
    return rows


def draw_comparison(table: pd.DataFrame, path: Path) -> None:
    """Error over time, and memory, of every program."""
    figure = new_figure(PAGE, 2.8)
    plane, bars = figure.subplots(1, 2, width_ratios=[3, 2])
    unit = "s of one core or of the GPU" if torch.cuda.is_available() else "core-seconds"
    for position, row in enumerate(table.itertuples()):
        family = "ppafm" if row.program.startswith("ppafm") else row.program.rsplit(" ", 1)[-1]
        plane.plot(row.seconds, row.error_p99_Hz, "o" if family == "ppafm" else "s", color=COLOURS[family])
        plane.annotate(row.program, (row.seconds, row.error_p99_Hz), (0, 6), textcoords="offset points", ha="center")
        bars.barh(position, row.peak_memory_MiB, color=COLOURS[family])
        bars.barh(position, row.start_memory_MiB, color="0.75", label=None if position else "libraries alone")
    plane.set(xscale="log", yscale="log", xlabel=f"time of a sample ({unit})")
    plane.set_ylabel("error of the frequency shift,\n99th percentile (Hz)")
    plane.margins(0.2, 0.15)
    bars.set(yticks=range(len(table)), yticklabels=table.program, xlabel="peak memory (MiB)")
    bars.invert_yaxis()
    bars.legend()
    figure.savefig(path, metadata={"Software": None})


def draw_cost(costs: pd.DataFrame, path: Path) -> None:
    """Cost of a sample over the size of the batch, of the structure and of the scan, and the lines of `growth`."""
    figure = new_figure(PAGE, 2.4)
    method = costs.method.iloc[0]
    lines = growth(costs)
    for axis, line in zip(figure.subplots(1, len(lines)), lines, strict=True):
        group = costs[costs.varied == line["varied"]]
        sizes = np.geomspace(group.value.iloc[0], group.value.iloc[-1], 100)
        label = "constant" if line["varied"] == BATCH else "straight line"
        axis.plot(sizes, line["offset_s"] + line["slope_s"] * sizes, "--", color="0.6", label=label)
        axis.plot(group.value, group.seconds_per_sample, "o", color=COLOURS[method], label=f"measured ({method})")
        axis.set(xscale="log", yscale="log", xlabel=line["varied"])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.margins(y=0.25)
        if line["varied"] == BATCH:
            axis.set_ylim(line["offset_s"] / 10, line["offset_s"] * 10)
        axis.legend()
    figure.axes[0].set_ylabel(f"time of a sample ({'s' if on_gpu(method) else 'core-seconds'})")
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
