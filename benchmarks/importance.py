"""Permutation importance against the naive loop: core-seconds for the same standard error.

    python benchmarks/importance.py

The peer permutes a feature ten times (the paper's R) and classifies all molecules anew each time, in batches as large
as ours. Both are repeated with several seeds on the same features of the package's M2(O,H), on environments drawn from
data/phases; the spread over seeds is the standard error. One thread. Writes benchmarks/importance.json.
"""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import machine

from icescope.amorphous.environments import draw_environments
from icescope.amorphous.importance import permutation_importance
from icescope.amorphous.phase_weights import load_classifier, shipped_classifier
from icescope.amorphous.phases import MODELS

ROOT = Path(__file__).parents[1]
FILES = "trajectory.xtc", "topology.pdb.gz", "record.csv"
REPEATS = 10  # of the peer, and of the paper
MOLECULES = 1200  # of each phase
FEATURES = range(0, 546, 14)
SEEDS = 12


def main() -> None:
    torch.set_num_threads(1)
    classifier, card = load_classifier(shipped_classifier("M2", "O,H"))
    parts = []
    for phase in MODELS["M2"]:
        files = [ROOT / "data/phases" / f"{phase}_2" / name for name in FILES]
        parts.append(draw_environments(*files, MOLECULES, seed=1).soap_OH.values)
    x, phase = np.concatenate(parts), np.repeat(np.arange(len(parts)), MOLECULES)
    result = {}
    for name, method in {"naive": naive, "ours": ours}.items():
        began, found = time.process_time(), []
        for seed in range(SEEDS):
            found.append(method(classifier, x, phase, seed))
        seconds = (time.process_time() - began) / SEEDS
        error = float(np.sqrt(np.mean(np.var(found, axis=0, ddof=1))))
        result[name] = {"core_seconds": round(seconds, 2), "standard_error": float(f"{error:.3g}")}
        print(name, result[name], flush=True)
    times, errors = (result["naive"][key] / result["ours"][key] for key in ("core_seconds", "standard_error"))
    result["ratio_of_core_seconds_at_equal_error"] = round(times * errors**2, 2)
    result |= {"features": len(FEATURES), "molecules": len(x), "weights": card["sha256"], "machine": machine()}
    (ROOT / "benchmarks/importance.json").write_text(json.dumps(result, indent=1) + "\n")
    print(pd.Series(result).to_string())


def ours(classifier, x: np.ndarray, phase: np.ndarray, seed: int) -> np.ndarray:
    """(features,) accuracy lost."""
    return permutation_importance(classifier, x, phase, [[one] for one in FEATURES], seed)["0-1"].to_numpy()


def naive(classifier, x: np.ndarray, phase: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    base = (classifier.log_odds(x).argmax(1) == phase).mean()
    lost = []
    for feature in FEATURES:
        shuffled, right = x.copy(), []
        for _ in range(REPEATS):
            shuffled[:, feature] = x[rng.permutation(len(x)), feature]
            right.append((classifier.log_odds(shuffled).argmax(1) == phase).mean())
        lost.append(base - np.mean(right))
    return np.array(lost)


if __name__ == "__main__":
    main()
