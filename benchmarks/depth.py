"""Which atoms are found: by species, height, and distance from the window's edge.

    python benchmarks/depth.py

Takes the weights that ship and 70 windows of each validation film of the run "weights" (snakemake --configfile
config/weights.yaml --until afm_stacks), plain peaks. Heights count from the mean oxygen of the window. Writes
benchmarks/depth.csv.
"""

import numpy as np
import pandas as pd
import torch
from machine import cores
from networks import ROOT, SEED, validation_windows

from icescope.cli import WEIGHTS
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import predict_maps, true_atoms
from icescope.learning.weights import load_weights
from icescope.maps.scores import match
from icescope.structures.samples import in_window

WINDOWS = 70  # of each film
HEIGHTS = [-np.inf, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, np.inf]  # A
FROM_EDGE = [0.0, 0.5, 1.0, 2.0, np.inf]  # A


def main() -> None:
    torch.set_num_threads(cores())
    network, card = load_weights(WEIGHTS)
    stacks = validation_windows(WINDOWS)
    maps, _ = predict_maps(network, card, stacks, SEED)
    found = decode(candidates(maps, card["pixel_size"], card), card, rules=False)
    size = np.array(stacks.attrs["window_size"][:2])
    true = true_atoms(stacks, card["labels"]["pose_bound"])
    rows = []
    for predicted, real, origin in zip(found, true, stacks.origin_height.values, strict=True):
        for species in ("O", "H"):
            atoms = real[real.symbols == species].positions
            radius = card["labels"]["matching_radius"][species]
            _, matched = match(predicted[predicted.symbols == species].positions[:, :2], atoms[:, :2], radius)
            table = pd.DataFrame({"species": species, "found": np.isin(np.arange(len(atoms)), matched)})
            table["height"] = pd.cut(atoms[:, 2] - origin, HEIGHTS)
            table["from_edge"] = pd.cut(np.minimum(atoms[:, :2], size - atoms[:, :2]).min(1), FROM_EDGE)
            rows.append(table[in_window(atoms, size)])
    table = pd.concat(rows)
    parts = {
        by: table.groupby(["species", by], observed=True).found.agg(["size", "mean"]) for by in ("height", "from_edge")
    }
    result = pd.concat({by: part.rename_axis(["species", "range"]) for by, part in parts.items()}, names=["by"])
    result = result.rename(columns={"size": "atoms", "mean": "recall"})
    result.to_csv(ROOT / "benchmarks" / "depth.csv", float_format="%.3f")
    print(result.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
