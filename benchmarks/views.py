"""What the mean over turned and mirrored views of a window is worth: accuracy, donor swaps and time by number of views.

    python benchmarks/views.py

Takes the weights that ship and 70 windows of each validation film of the run "weights" (snakemake --cores 2
--configfile config/weights.yaml --until afm_stacks). Confidences are learnt anew for each number of views. Writes
benchmarks/views.csv.
"""

import time

import pandas as pd
import torch
from machine import cores
from networks import ROOT, SEED, validation_windows

from icescope.cli import WEIGHTS
from icescope.learning.decoding import candidates, decodings
from icescope.learning.evaluation import all_scores, learn_confidence, predict_maps
from icescope.learning.weights import load_weights

WINDOWS = 70  # of each film
WANTED = [("O", "accuracy"), ("H", "accuracy"), ("molecule", "f1"), ("hydrogen bond", "swap_rate")]
WANTED += [("ice rules", "wrong_number")]


def main() -> None:
    torch.set_num_threads(cores())
    network, card = load_weights(WEIGHTS)
    stacks = validation_windows(WINDOWS)
    tables = {}
    for views in (1, 2, 4, 8):
        began = time.perf_counter()
        maps, loss = predict_maps(network, card, stacks, SEED, views)
        seconds = time.perf_counter() - began
        found = candidates(maps, card["pixel_size"], card)
        learnt, chosen = learn_confidence(found, stacks, card)
        of_views = card | learnt
        value = all_scores(decodings(found, chosen, of_views), stacks, of_views, SEED).value
        table = pd.DataFrame({" ".join(name): value.xs(name, level=[1, 2]) for name in WANTED})
        tables[views] = table.assign(loss=loss.mean(), windows_per_s=len(loss) / seconds)
    result = pd.concat(tables, names=["views"])
    result.to_csv(ROOT / "benchmarks" / "views.csv", float_format="%.4g")
    print(result.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    main()
