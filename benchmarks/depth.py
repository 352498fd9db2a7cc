"""Which atoms are found: by species, height, distance from the window's edge, and whether the a-vdW map shows them.

    python benchmarks/depth.py

Takes the weights that ship and 70 windows of each validation film of the run "weights" (snakemake --cores 2
--configfile config/weights.yaml --until afm_stacks), plain peaks. Heights count from the mean oxygen of the window. The
a-vdW map shows an atom if `maps.locate` finds it in the true map, where discs above it may hide too much of its own.
Accuracy over shown atoms takes a hidden one for neither found nor missed. Writes benchmarks/depth.csv.
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
from icescope.maps.avdw import render_stacks
from icescope.maps.locate import locate
from icescope.maps.scores import match
from icescope.structures.samples import in_window

WINDOWS = 70  # of each film
HEIGHTS = [-np.inf, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, np.inf]  # A
OFF = 0.2  # A, most that an atom's place in the true a-vdW map is off
PIXELS = 128  # of the a-vdW map
FROM_EDGE = [0.0, 0.5, 1.0, 2.0, np.inf]  # A


def main() -> None:
    torch.set_num_threads(cores())
    network, card = load_weights(WEIGHTS)
    stacks = validation_windows(WINDOWS)
    maps, _ = predict_maps(network, card, stacks, SEED)
    found = decode(candidates(maps, card["pixel_size"], card), card, rules=False)
    size = np.array(stacks.attrs["window_size"][:2])
    in_map = locate(render_stacks(stacks, card["labels"], PIXELS), size[0] / PIXELS, card["labels"])
    true = true_atoms(stacks, card["labels"]["pose_bound"])
    rows, false = [], dict.fromkeys(("O", "H"), 0)
    for predicted, real, there, origin in zip(found, true, in_map, stacks.origin_height.values, strict=True):
        for species in false:
            atoms = real[real.symbols == species].positions
            radius = card["labels"]["matching_radius"][species]
            mine, shown = (
                np.isin(np.arange(len(atoms)), match(one[one.symbols == species].positions[:, :2], atoms[:, :2], r)[1])
                for one, r in ((predicted, radius), (there, OFF))
            )
            table = pd.DataFrame({"species": species, "all": True, "found": mine, "shown": shown})
            table["height"] = pd.cut(atoms[:, 2] - origin, HEIGHTS)
            table["from_edge"] = pd.cut(np.minimum(atoms[:, :2], size - atoms[:, :2]).min(1), FROM_EDGE)
            rows.append(table[in_window(atoms, size)])
            false[species] += int((predicted.symbols == species).sum() - mine.sum())
    table = pd.concat(rows)
    parts = {
        by: table.groupby(["species", by], observed=True).found.agg(["size", "mean"])
        for by in ("height", "from_edge", "shown", "all")
    }
    parts = {by: part.rename(str, level=1).rename_axis(["species", "range"]) for by, part in parts.items()}
    result = pd.concat(parts, names=["by"]).rename(columns={"size": "atoms", "mean": "recall"})
    whole = result[result.index.get_level_values("range") == "True"]
    atoms = whole.atoms + whole.index.get_level_values("species").map(false)
    result["accuracy"] = whole.recall * whole.atoms / atoms
    result.to_csv(ROOT / "benchmarks" / "depth.csv", float_format="%.3f")
    print(result.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
