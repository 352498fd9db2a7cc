"""Time and memory of the classification of one frame on one core, beside DScribe with its centres given as indices.

    python benchmarks/classify.py

The large frame has 15,339 molecules. The peer describes a smaller one, because with indices its time and memory grow
with the square of the molecules; ours, which passes coordinates to the same library, is timed on both. Takes half a
minute, a full one beside other work; prints the results and writes benchmarks/classify.json.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before the libraries are loaded

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from dscribe.descriptors import SOAP
from machine import machine, peak_memory

from icescope.amorphous.classification import classify
from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.phases import MODELS
from icescope.amorphous.soap import CUTOFF, DESCRIPTOR_SETS, SIGMA, features, soap
from icescope.structures.ice import ice_ih

RESULTS = Path(__file__).with_suffix(".json")
MOLECULES = 15_339
PEER = 3_840  # molecules
SEED = 20260221


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    load = os.getloadavg()[0]  # of other work, which the clock sees and the processor's seconds hardly do
    few = ice_ih((4, 5, 12), SEED)
    few.rattle(0.1, seed=SEED)
    many = few.repeat((2, 2, 1))[: 3 * MOLECULES]
    results = {}
    for descriptors in ("O", "O,H"):
        card = {"model": "M2", "phases": list(MODELS["M2"]), "descriptors": descriptors, "sha256": ""}
        classifier = PhaseClassifier(len(features(descriptors)), 2)  # untrained ones take as long
        for atoms in (few, many):
            name = f"icescope, {descriptors}, {len(atoms) // 3} molecules"
            results[name] = measured(lambda a=atoms, c=classifier, d=card: classify([a], c, d))
            print(name, results[name], flush=True)
    name = f"DScribe by indices, O,H, {PEER} molecules, descriptors alone"
    results[name] = measured(lambda: by_indices(few))
    results[name]["largest_relative_difference"] = float(
        np.abs(by_indices(few[: 3 * 64]) - soap(few[: 3 * 64], "O,H")).max() / np.abs(soap(few[: 3 * 64], "O,H")).max()
    )
    print(name, results[name])
    text = {"results": results, "load": round(load, 1), "machine": machine() | {"dscribe": version("dscribe")}}
    RESULTS.write_text(json.dumps(text, indent=1) + "\n")


def by_indices(atoms: Atoms) -> np.ndarray:
    """The descriptors (O,H) as DScribe's documentation asks for them."""
    chosen = DESCRIPTOR_SETS["O,H"]
    wrapped = atoms.copy()
    wrapped.wrap()
    calculator = SOAP(
        species=chosen.species, r_cut=CUTOFF, sigma=SIGMA, n_max=chosen.n_max, l_max=chosen.l_max, periodic=True
    )
    return calculator.create(wrapped, centers=np.flatnonzero(wrapped.symbols == "O").tolist())


def measured(call: Callable[[], object]) -> dict[str, float]:
    """Seconds by the clock and of the processor, and the most memory of the process meanwhile, MiB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    began, used = time.perf_counter(), time.process_time()
    call()
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "processor_seconds": round(time.process_time() - used, 2),
        "peak_MiB": round(peak_memory()),
    }


if __name__ == "__main__":
    main()
