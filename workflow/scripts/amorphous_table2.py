"""Table 2 of Shupletsova and Stegailov 2026: permutation importance of features and of groups of them."""

import pandas as pd
import torch

from icescope.amorphous.environments import read_environments
from icescope.amorphous.phase_weights import load_classifier
from icescope.amorphous.rankings import held_out_importance
from icescope.figures.amorphous_table2 import draw_table2
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import whole_file

with job(snakemake.log[0], "amorphous_table2"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    environments = read_environments(inputs.environments, params.trajectories)
    tables = [
        held_out_importance(*load_classifier(path), environments, params.molecules, params.seed)
        for path in inputs.weights
    ]
    top, published, groups = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    save_figure(draw_table2(top, published), top, output.figure, output.table)
    for table, path in ((published, output.ranks), (groups, output.groups)):
        with whole_file(path) as partial:
            table.to_csv(partial, index=False, float_format="%.6g")
