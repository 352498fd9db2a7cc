"""Figure 2 of Shupletsova and Stegailov 2026: confusion matrices; and the accuracies of all classifiers."""

import pandas as pd

from icescope.amorphous.assessment import seed_of
from icescope.amorphous.environments import order_of, read_environments, split
from icescope.amorphous.nulls import baselines
from icescope.amorphous.phases import MODELS
from icescope.amorphous.rankings import pair_name
from icescope.figures.amorphous_fig2 import confusion_table, draw_fig2
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import whole_file

with job(snakemake.log[0], "amorphous_fig2"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    confusions = {
        f"M3({name})": pd.read_csv(path, index_col="actual").to_numpy()
        for name, path in zip(params.descriptors, inputs.confusions, strict=True)
    }
    save_figure(draw_fig2(confusions), confusion_table(confusions), output.figure, output.table)
    with whole_file(output.accuracy) as partial:
        pd.concat([pd.read_csv(path) for path in inputs.accuracies]).to_csv(partial, index=False, float_format="%.6g")
    environments = read_environments(inputs.environments, params.trajectories)
    splits = {seed: split(environments, "trajectory", seed_of(params.seed, seed)) for seed in range(params.seeds)}
    order = order_of(environments)
    tables = {seed: baselines(order, environments.phase, parts) for seed, parts in splits.items()}
    found = pd.concat(tables, names=["seed"]).reset_index("seed")
    found["pair"] = [pair_name(pair, MODELS["M3"]) for pair in found.pair]
    with whole_file(output.baselines) as partial:
        found.to_csv(partial, index=False, float_format="%.6g")
