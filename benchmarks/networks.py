"""Networks and settings tried on one set of stacks: accuracy on the validation films, speed and arithmetic.

    python benchmarks/networks.py [--epochs 2] [--windows 700] [--validation 350] [TRIAL ...]

Takes the stacks of the run "weights" (snakemake --cores 2 --configfile config/weights.yaml --until afm_stacks). Choices
are made on the validation films; the test films are not looked at. Each trial that is named, or all, is trained for so
many epochs on so many windows of each film, and its row of benchmarks/networks.csv replaced.
"""

import argparse
import logging
import os
import tempfile
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
import yaml
from machine import cores
from snakemake.utils import update_config
from torch.utils.flop_counter import FlopCounterMode

from icescope.learning.data import Stacks, read_stacks, read_windows
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import evaluate, learn_confidence, predict_maps
from icescope.learning.networks import build_network, members_of
from icescope.learning.simulated import SimulatedStacks
from icescope.learning.training import train
from icescope.structures.samples import pick_samples

ROOT = Path(__file__).parents[1]
RUN = ROOT / "results" / "weights"
RESULTS = ROOT / "benchmarks" / "networks.csv"
VALIDATION = "Au_c*_T210"  # films
HELD_OUT = ("_T210", "_T270")  # the test films too
SEED = 20221214
KEY = ["trial", "samples", "windows", "validation_windows"]
PUBLISHED = {"architecture": "unet3d", "channels": [32, 64, 128, 256, 256]}
BASE = {
    "batch_size": 16,
    "optimiser": "adam",
    "learning_rate": 2e-3,
    "augmentation": {"shift": 1, "noise": 0.05, "cutout": 100},
}
WEAK = {"shift": 0, "noise": 0.02, "cutout": 32}
THREE = {"output": "peaks", "stride": 2, "channels": [128, 192, 256]}  # levels
EIGHTS = {"augmentation": {"shift": 0, "noise": 0.05, "cutout": 64}, "batch_size": 8}  # as in config/weights.yaml
FOURS = {"augmentation": WEAK, "batch_size": 4}
MUON = {"optimiser": "muon", "learning_rate": 6e-3}
# What each trial changes of the configuration's block `networks.light`, and of BASE.
TRIALS: dict[str, tuple[dict, dict]] = {
    "peaks": ({"output": "peaks"}, {}),
    "peaks, strided": ({"output": "peaks", "stride": 2}, {}),
    "peaks, strided, weak augmentation": ({"output": "peaks", "stride": 2}, {"augmentation": WEAK}),
    "avdw, strided, weak augmentation": ({"stride": 2}, {"augmentation": WEAK}),
    "peaks, simulated": ({"output": "peaks"}, {"images": "simulated"}),
    "three levels": (THREE, EIGHTS),
    "three levels, four members": (THREE | {"members": 4}, EIGHTS),  # of an ensemble
    "three levels, Muon": (THREE, EIGHTS | MUON),
    # The network of config/weights.yaml.
    "two levels, six fine blocks, Muon": (THREE | {"channels": [128, 192], "fine_blocks": 6}, EIGHTS | MUON),
    "avdw, batch 4": ({}, FOURS),
    "avdw, published network, batch 4": (PUBLISHED, FOURS | {"learning_rate": 1e-3}),
    "avdw, batch 4, Muon": ({}, FOURS | MUON),
    "avdw, two levels, five fine blocks, batch 4, Muon": ({"channels": [64, 96], "fine_blocks": 5}, FOURS | MUON),
    "avdw, strided, two levels, five fine blocks, batch 4, Muon": (
        {"stride": 2, "channels": [128, 192], "fine_blocks": 5},
        FOURS | MUON,
    ),
    "avdw, published network, batch 4, Muon": (PUBLISHED, FOURS | MUON),
}


def main() -> None:
    """Run the trials that are named, all if none is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(TRIALS))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--windows", type=int, default=700, help="of each film to train on")
    parser.add_argument("--validation", type=int, default=350, help="windows of each film to validate on")
    arguments = parser.parse_args()
    if unknown := set(arguments.trials) - set(TRIALS):
        parser.error(f"no trial {', '.join(sorted(unknown))}; take some of {', '.join(TRIALS)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(cores())
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "config/weights.yaml").read_text()))
    validation = first_of_films(read_stacks(sorted(RUN.glob(f"afm/{VALIDATION}/*.zarr.zip"))), arguments.validation)
    for name in arguments.trials or TRIALS:
        row = run(name, deepcopy(config), validation, arguments)
        done = pd.read_csv(RESULTS, index_col=KEY) if RESULTS.is_file() else pd.DataFrame()
        row = pd.DataFrame([row]).set_index(KEY)
        pd.concat([done.drop(row.index, errors="ignore"), row]).to_csv(RESULTS, float_format="%.4g")
        print(row.T.to_string(header=False, float_format="{:.4g}".format), flush=True)


def run(name: str, config: dict, validation: xr.Dataset, arguments: argparse.Namespace) -> dict:
    """One trial: what it is, what it costs, and its accuracy on the validation films."""
    network, training, labels = config["networks"]["light"], config["training"], config["labels"]
    of_network, of_training = TRIALS[name]
    network |= of_network
    augmentation = training["augmentation"] | BASE["augmentation"] | of_training.get("augmentation", {})
    training |= BASE | of_training | {"augmentation": augmentation, "epochs": arguments.epochs}
    if training["images"] == "stored":
        data = Stacks(first_of_films(read_stacks(training_files("afm/*/[0-9]*.zarr.zip")), arguments.windows), labels)
    else:
        data = SimulatedStacks(
            read_windows(training_files("films/*/windows.zarr.zip")), labels, config["afm"], training["tips"], SEED
        )
    began, used = time.monotonic(), sum(os.times()[:2])
    with tempfile.TemporaryDirectory() as checkpoints:
        trained, history = train(data, Stacks(validation, labels), network, labels, training, SEED, checkpoints)
    seconds, core_seconds = time.monotonic() - began, sum(os.times()[:2]) - used
    card = {"network": network, "labels": labels, "pixel_size": config["windows"]["size"][0] / config["afm"]["pixels"]}
    plain, rules = accuracies(trained, card, validation)
    samples = arguments.epochs * len(data) * members_of(network)
    return {
        "trial": name,
        "samples": samples,
        "windows": len(data),
        "validation_windows": validation.sizes["sample"],
        **{species: plain[species] for species in ("O", "H", "H flat", "H up", "H down")},
        **{f"{species}, ice rules": rules[species] for species in ("O", "H")},
        "validation_loss": history.validation_loss.iloc[-1],
        "GFLOP": arithmetic(network, labels, config["afm"]["pixels"]),
        "parameters": sum(one.numel() for one in trained.parameters()),
        "samples_per_s": samples / seconds,
        "samples_per_core_s": samples / core_seconds,
    }


def accuracies(network: torch.nn.Module, card: dict, stacks: xr.Dataset) -> tuple[pd.Series, pd.Series]:
    """Accuracy by species of plain peaks and under the ice rules, from one view of each window."""
    maps, loss = predict_maps(network, card, stacks, SEED, views=1)
    found = candidates(maps, card["pixel_size"], card)
    card = card | learn_confidence(found, stacks, card)[0]
    plain, rules = (evaluate(decode(found, card, one), loss, stacks, card["labels"]) for one in (False, True))
    return plain.accuracy, rules.accuracy


def first_of_films(stacks: xr.Dataset, number: int) -> xr.Dataset:
    """The first so many samples of each film."""
    rank = pd.Series(stacks.film.values).groupby(stacks.film.values).cumcount()
    return pick_samples(stacks, np.flatnonzero(rank < number))


def validation_windows(number: int) -> xr.Dataset:
    """The first so many of each validation film, out of its first store."""
    return first_of_films(read_stacks(sorted(RUN.glob(f"afm/{VALIDATION}/0.zarr.zip"))), number)


def training_files(pattern: str) -> list[Path]:
    """Stores of the films that neither validate nor test."""
    return sorted(path for path in RUN.glob(pattern) if not any(held in str(path) for held in HELD_OUT))


def arithmetic(network: dict, labels: dict, pixels: int) -> float:
    """Floating-point operations, in 10^9, of one map."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        build_network(network, labels)(torch.zeros(1, network["heights"], pixels, pixels))
    return counter.get_total_flops() / 1e9


if __name__ == "__main__":
    main()
