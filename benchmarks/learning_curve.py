"""Accuracy of the network that ships against the samples it was trained with, and where that leads.

    python benchmarks/learning_curve.py

Takes the trainings "as shipped" of benchmarks/networks.csv (python benchmarks/networks.py "as shipped" --epochs ...,
all on the same stacks), and scores the weights that ship on as many windows of the same films, by one view of each.
The share that is wrong is fitted by a power of the samples, which gives the samples that the published accuracies would
take if it went on so. Writes benchmarks/learning_curve.json and docs/learning_curve.png.
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
COLOURS = {"O": "#D55E00", "H": "#0072B2"}
BATCH = 8


def main() -> None:
    table = curve()
    results, figure = {}, new_figure(COLUMN, 2.8)
    axis = figure.subplots()
    for species, published in PUBLISHED.items():
        wrong = 1 - table[species]
        slope, intercept = np.polyfit(np.log(table.index), np.log(wrong), 1)
        needed = float(np.exp((np.log(1 - published) - intercept) / slope))
        results[species] = {
            "accuracy": dict(zip(map(int, table.index), table[species].round(4), strict=True)),
            "exponent": round(float(slope), 3),
            "published": published,
            "samples_for_published": float(f"{needed:.2g}"),
        }
        reach = np.geomspace(table.index.min(), max(needed, table.index.max()), 50)
        axis.plot(reach, 1 - np.exp(intercept) * reach**slope, ":", color=COLOURS[species])
        axis.plot(table.index, table[species], "o-", color=COLOURS[species], label=f"{species}, validation films")
        axis.axhline(published, color=COLOURS[species], linewidth=0.6)
    axis.set(xscale="log", xlabel=f"training samples ({BATCH} a step)", ylabel="accuracy", ylim=(0, 1))
    axis.set_title("lines: Tang et al. 2023; dotted: power law", fontsize=7)
    axis.legend(fontsize=7, loc="lower right")
    figure.savefig(ROOT / "docs" / "learning_curve.png", metadata={"Software": None})
    (ROOT / "benchmarks" / "learning_curve.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def curve() -> pd.DataFrame:
    """Accuracies of plain peaks by number of samples, the last of them those of the weights that ship."""
    tried = pd.read_csv(ROOT / "benchmarks" / "networks.csv")
    tried = tried[tried.trial == "as shipped"].set_index("samples")
    windows = int(tried.validation_windows.unique().item() / len(FILMS))
    network, card = load_weights(WEIGHTS)
    plain, _ = accuracies(network, card, first_of_films(read_stacks(FILMS), windows))
    tried = tried[list(PUBLISHED)]
    tried.loc[card["samples_seen"]] = plain
    return tried.sort_index()


if __name__ == "__main__":
    main()
