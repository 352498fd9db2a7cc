"""Accuracy against training samples with Adam and with Muon, and where that leads; and of the weights that ship.

    python benchmarks/learning_curve.py

Takes the trainings TRIALS of benchmarks/networks.csv (python benchmarks/networks.py "three levels" --epochs ...): the
short ones saw 1,600 windows several times, the longest one 22,400. Scores the weights that ship on as many windows of
the same films, by one view of each: the last point of their network. The share that is wrong is fitted by a power of
the samples, which gives the samples that the published accuracies would take if it went on so. Writes
benchmarks/learning_curve.json and docs/learning_curve.png.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from networks import RUN, VALIDATION, accuracies, first_of_films

from icescope.cli import WEIGHTS
from icescope.figures.page import COLUMN, new_figure
from icescope.learning.data import read_stacks
from icescope.learning.weights import load_weights

ROOT = Path(__file__).parents[1]
FILMS = sorted(RUN.glob(f"afm/{VALIDATION}/0.zarr.zip"))
PUBLISHED = {"O": 0.962, "H": 0.899}  # Tang et al. 2023, validation
TRIALS = {"Adam": "three levels", "Muon": "two levels, six fine blocks, Muon"}
COLOURS = {"O": "#D55E00", "H": "#0072B2"}
LEAST = 3  # trainings to fit a power to, which has two parameters
BATCH = 8


def main() -> None:
    tried = pd.read_csv(ROOT / "benchmarks" / "networks.csv").set_index(["trial", "samples"])
    windows = int(tried.loc[TRIALS["Adam"]].validation_windows.unique().item() / len(FILMS))
    samples, ships = shipped(windows)
    results, figure = {}, new_figure(COLUMN, 2.8)
    axis = figure.subplots()
    for species, published in PUBLISHED.items():
        results[species] = {"published": published, "ships": {samples: round(float(ships[species]), 4)}}
        colour = COLOURS[species]
        for optimiser, trial in TRIALS.items():
            right = tried.loc[trial, species].sort_index()
            accuracy = dict(zip(map(int, right.index), right.round(4), strict=True))
            results[species][optimiser] = {"accuracy": accuracy}
            axis.plot(right, "o", color=colour, fillstyle="full" if optimiser == "Muon" else "none", markersize=4)
            if optimiser == "Muon":  # of the network that ships
                right = pd.concat([right, pd.Series({samples: ships[species]})])
            if len(right) < LEAST:
                continue
            slope, intercept = np.polyfit(np.log(right.index), np.log(1 - right), 1)
            needed = float(np.exp((np.log(1 - published) - intercept) / slope))
            results[species][optimiser] |= {
                "exponent": round(float(slope), 3),
                "samples_for_published": float(f"{needed:.2g}"),
            }
            reach = np.geomspace(right.index.min(), max(needed, right.index.max()), 50)
            axis.plot(reach, 1 - np.exp(intercept) * reach**slope, ":", color=colour, linewidth=0.8)
        axis.plot(samples, ships[species], "*", color=colour, markersize=9)
        axis.plot([], "s", color=colour, markersize=4, label=f"{species}, validation films")
        axis.axhline(published, color=colour, linewidth=0.6)
    axis.set(xscale="log", xlabel=f"training samples ({BATCH} a step)", ylabel="accuracy", ylim=(0, 1))
    axis.set_title("open: Adam; full: Muon; star: ships; dotted: power law;\nlines: Tang et al. 2023", fontsize=7)
    axis.legend(fontsize=7, loc="lower right")
    figure.savefig(ROOT / "docs" / "learning_curve.png", metadata={"Software": None})
    (ROOT / "benchmarks" / "learning_curve.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def shipped(windows: int) -> tuple[int, pd.Series]:
    """Samples that the weights that ship have seen, and their accuracies by plain peaks on windows of each film."""
    network, card = load_weights(WEIGHTS)
    plain, _ = accuracies(network, card, first_of_films(read_stacks(FILMS), windows))
    return card["samples_seen"], plain


if __name__ == "__main__":
    main()
