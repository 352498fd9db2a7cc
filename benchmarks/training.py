"""Training throughput of each network by image size, precision, compiler and processor; stored or simulated images.

    python benchmarks/training.py [--quick]

A sample is drawn, augmented, labelled, taken forwards and backwards and stepped with, by the classes that the workflow
trains with. The peer is "published", the network of the paper's group. Writes benchmarks/training.json and
docs/training_benchmark.png; with --quick, which only tries the script, both go to results/benchmarks instead.

bfloat16 is measured where the processor computes in it, the compiler where all cores work on the small images. What is
measured stays in results/benchmarks/training_rows.csv until all of it is, so that a run that ended early goes on.
A quarter of an hour on two free cores. With a GPU, a minute of training of the light network is extrapolated to the
paper's protocol.
"""

import argparse
import json
import logging
import os
import shutil
import time
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import torch
import xarray as xr
import yaml
from machine import cores, machine
from matplotlib.axes import Axes
from networks import arithmetic
from structures import layer

from icescope.afm.stacks import simulate_windows
from icescope.figures.page import PAGE, new_figure
from icescope.learning.batches import StackData
from icescope.learning.data import Stacks, Windows
from icescope.learning.networks import build_network
from icescope.learning.simulated import SimulatedStacks
from icescope.learning.training import MapRegression, precision

ROOT = Path(__file__).parents[1]
SEED = 20221214
PEER = "published"
PRECISIONS = {"32-true": "float32", "bf16-mixed": "bfloat16"}
PROTOCOL = 70_000 * 60  # samples; Tang et al. 2023
EPOCH = 1_000_000  # samples, more than any run here sees
CASE = ["network", "pixels", "images", "device", "threads", "precision", "compiled"]
COLOURS = {"light": "#0072B2", "peaks": "#009E73", PEER: "#D55E00"}  # Okabe and Ito's palette


@dataclass(frozen=True)
class Size:
    """What is measured: all of it, or next to nothing to try the script."""

    pixels: tuple[int, ...]
    windows: int
    warm: int  # steps before the clock starts
    seconds: float  # of each run
    protocol: float  # seconds of the light network that are extrapolated
    batch: dict[str, int]  # by device
    everything: bool  # on all cores and compiled, too


FULL = Size(
    pixels=(64, 128),
    windows=128,
    warm=2,
    seconds=8.0,
    protocol=60.0,
    batch={"cpu": 4, "cuda": 128},
    everything=True,
)
QUICK = Size(pixels=(32,), windows=8, warm=1, seconds=0.1, protocol=1.0, batch={"cpu": 1, "cuda": 8}, everything=False)


class Clock(L.Callback):
    """Ends a training after so many seconds beyond its first steps, and keeps its speed."""

    def __init__(self, warm: int, seconds: float):
        self.warm, self.seconds, self.steps, self.elapsed, self.begun = warm, seconds, 0, 0.0, 0.0

    def on_train_batch_start(self, trainer: L.Trainer, task: L.LightningModule, *_) -> None:
        if trainer.global_step == self.warm:
            _wait()
            self.begun = time.perf_counter()

    def on_train_batch_end(self, trainer: L.Trainer, *_) -> None:
        self.steps = trainer.global_step - self.warm
        if self.steps > 0 and time.perf_counter() - self.begun > self.seconds:
            _wait()  # steps that are queued on a GPU count, and so does their time
            self.elapsed = time.perf_counter() - self.begun
            trainer.should_stop = True


class Timed(MapRegression):
    """The task as it is, without the history of its epochs, which needs validation."""

    def on_train_epoch_end(self) -> None:
        self._losses.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="try the script on short runs")
    size = QUICK if parser.parse_args().quick else FULL
    results = ROOT / "results/benchmarks" if size is QUICK else ROOT / "benchmarks"
    figures = results if size is QUICK else ROOT / "docs"
    results.mkdir(parents=True, exist_ok=True)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())

    load = [os.getloadavg()[0]]
    rows = ROOT / "results/benchmarks/training_rows.csv"
    rows.parent.mkdir(parents=True, exist_ok=True)
    table = throughput(config, size, rows)
    result = {
        **machine(),
        "load_average": [*load, os.getloadavg()[0]],  # other work on the machine raises it above our own
        "batch": size.batch,
        "networks": describe(config, size).to_dict("records"),
        "throughput": table.to_dict("records"),
        "protocol": protocol(config, table, size),
    }
    (results / "training.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(table, figures / "training_benchmark.png")
    rows.unlink()


def throughput(config: dict, size: Size, path: Path) -> pd.DataFrame:
    """Samples a second of all networks on all processors of this machine, a row each, with ratios to the peer.

    Rows are written to a path one by one; those that are there already are not measured again.
    """
    places = [("cpu", 1)]
    places += [("cpu", cores())] * (size.everything and cores() > 1) + [("cuda", 1)] * torch.cuda.is_available()
    compilers = [False, True] if size.everything and shutil.which("c++") else [False]
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []
    measured = {tuple(row[name] for name in CASE) for row in rows}
    for pixels in size.pixels:
        data = {"stored": stored(config, pixels, size.windows), "simulated": simulated(config, pixels, size.windows)}
        cases = [("stored", *case) for case in product(config["networks"], places, PRECISIONS, compilers)]
        cases += [("simulated", "light", place, precision(), False) for place in places]
        for images, name, (device, threads), bits, compiled in cases:
            if device == "cpu" and bits == "bf16-mixed" != precision():
                continue
            if device == "cpu" and compiled and (threads < cores() or pixels > size.pixels[0] or bits != precision()):
                continue
            case = (name, pixels, images, device, threads, PRECISIONS[bits], compiled)
            if case in measured:
                continue
            torch.set_num_threads(threads)
            clock = Clock(size.warm, size.seconds)
            speed = run(config, data[images], name, pixels, device, bits, compiled, size.batch[device], clock)
            rows.append(dict(zip(CASE, case, strict=True)) | {"samples_per_s": speed, "steps": clock.steps})
            print(*rows[-1].values(), flush=True)
            pd.DataFrame(rows).to_csv(path, index=False)
    table = pd.DataFrame(rows)
    same = ["pixels", "device", "threads", "precision", "compiled"]
    peer = table[(table.network == PEER) & (table.images == "stored")].set_index(same).samples_per_s
    return table.join(peer.rename("peer"), on=same).assign(ratio_to_published=lambda t: t.samples_per_s / t.pop("peer"))


def run(
    config: dict,
    data: Windows,
    name: str,
    pixels: int,
    device: str,
    bits: str,
    compiled: bool,
    batch: int,
    clock: Clock,
) -> float:
    """Samples a second of one training, until the clock ends it."""
    network, labels = block(config, name, pixels), config["labels"]
    training = config["training"] | {"batch_size": batch}
    L.seed_everything(SEED, verbose=False)
    built = build_network(network, labels)
    built = torch.compile(built, dynamic=False) if compiled else built
    task = Timed(built, network["output"], training)
    trainer = L.Trainer(
        max_epochs=1,
        accelerator=device,
        devices=1,
        precision=bits,
        gradient_clip_val=training["gradient_clip"],
        callbacks=[clock],
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, StackData(data, data, network, labels, training, SEED, EPOCH))
    return clock.steps * batch / clock.elapsed


def block(config: dict, name: str, pixels: int) -> dict:
    """The configuration's block of a network; the light ones take squares of 2 x 2 pixels at 128."""
    network = config["networks"][name]
    return network | {"stride": 2} if network["architecture"] == "unet2d" and pixels == 128 else network


def windows(number: int) -> xr.Dataset:
    """Windows of a layer of water, 3 A between molecules, with a margin of some 8 A, as a "windows" store has them."""
    atoms = [layer(14, 14, seed) for seed in range(number)]
    count = np.array([len(one) for one in atoms], np.int32)
    position = np.concatenate([one.positions + [12.5, 12.5, 0.0] for one in atoms]).astype(np.float32)
    columns = {
        "position": (("atom", "xyz"), position),
        "number": ("atom", np.concatenate([one.numbers for one in atoms]).astype(np.uint8)),
        "charge": ("atom", np.concatenate([one.get_initial_charges() for one in atoms]).astype(np.float32)),
        "molecule": ("atom", np.concatenate([np.arange(n) // 3 for n in count]).astype(np.int32)),
        "atom_count": ("sample", count),
    }
    return xr.Dataset(columns, attrs={"window_size": [25.0, 25.0, 3.0]})


def stored(config: dict, pixels: int, number: int) -> Windows:
    return Stacks(simulate_windows(windows(number), config["afm"] | {"pixels": pixels}), config["labels"])


def simulated(config: dict, pixels: int, number: int) -> Windows:
    afm = config["afm"] | {"pixels": pixels}
    return SimulatedStacks(windows(number), config["labels"], afm, config["training"]["tips"], SEED)


def describe(config: dict, size: Size) -> pd.DataFrame:
    """Arithmetic of one map, forwards, and parameters of each network, a row each, with the ratio to the peer's."""
    rows = []
    for pixels in size.pixels:
        cost = {name: arithmetic(block(config, name, pixels), config["labels"], pixels) for name in config["networks"]}
        for name, gflop in cost.items():
            built = build_network(block(config, name, pixels), config["labels"])
            parameters = sum(one.numel() for one in built.parameters())
            ratio = gflop / cost[PEER]
            rows.append((name, pixels, gflop, ratio, parameters))
    return pd.DataFrame(rows, columns=["network", "pixels", "GFLOP", "GFLOP_ratio_to_published", "parameters"])


def protocol(config: dict, table: pd.DataFrame, size: Size) -> dict | None:
    """The paper's 70,000 windows x 60 epochs with the light network: a minute of it, and what that makes of the whole.

    Not compiled, as trainings are not. None without a GPU.
    """
    mine = table[(table.network == "light") & (table.images == "stored") & (table.device == "cuda") & ~table.compiled]
    if mine.empty:
        return None
    best = mine[mine.pixels == max(size.pixels)].sort_values("samples_per_s").iloc[-1]
    pixels = int(best.pixels)
    bits = next(key for key, name in PRECISIONS.items() if name == best.precision)
    data = stored(config, pixels, size.windows)
    clock, batch = Clock(size.warm, size.protocol), size.batch["cuda"]
    speed = run(config, data, "light", pixels, "cuda", bits, False, batch, clock)
    return {
        "pixels": pixels,
        "batch": batch,
        "precision": best.precision,
        "seconds_measured": clock.elapsed,
        "samples_measured": clock.steps * batch,
        "samples_per_s": speed,
        "samples": PROTOCOL,
        "minutes_extrapolated": PROTOCOL / speed / 60,
    }


def draw(table: pd.DataFrame, path: Path) -> None:
    """Samples a second of each network, a panel an image size, the faster of compiled or not."""
    figure = new_figure(PAGE, 3.0)
    sizes = list(dict.fromkeys(table.pixels))
    axes = np.atleast_1d(figure.subplots(1, len(sizes), sharey=True))
    for axis, pixels in zip(axes, sizes, strict=True):
        _draw_size(axis, table[(table.pixels == pixels) & (table.images == "stored")])
        axis.set_title(f"{pixels} x {pixels} pixels")
    axes[0].set_ylabel("training samples/s")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(COLOURS), fontsize=7)
    figure.savefig(path, metadata={"Software": None})


def _draw_size(axis: Axes, table: pd.DataFrame) -> None:
    best = table.groupby(["device", "threads", "precision", "network"]).samples_per_s.max().unstack("network")
    width = 0.8 / len(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        x = np.arange(len(best)) + (place - 1) * width
        axis.bar_label(axis.bar(x, best[name], width, color=colour, label=name), fmt="{:.2g}", fontsize=6)
    names = {("cpu", cores()): f"CPU, {cores()} threads", ("cpu", 1): "CPU, 1 thread", ("cuda", 1): "GPU"}
    labels = [f"{names[device, threads]}\n{bits}" for device, threads, bits in best.index]
    axis.set_xticks(range(len(best)), labels, fontsize=6)
    axis.set_yscale("log")
    axis.margins(y=0.2)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
