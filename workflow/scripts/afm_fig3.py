"""Figure 3 of Tang et al. 2023: AFM images at three heights, label and prediction of hydrates."""

import pandas as pd

from icescope import storage
from icescope.figures.afm_fig3 import draw_fig3
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.learning.data import read_stacks

with job(snakemake.log[0], "afm_fig3"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    sets = {
        name: (
            read_stacks(inputs[f"{scored}_stacks"]),
            storage.read(inputs[f"{scored}_predictions"], "predictions"),
            pd.read_csv(inputs[f"{scored}_accuracy"], index_col="species"),
        )
        for name, scored in params.sets.items()
    }
    table = pd.concat({name: accuracy for name, (_, _, accuracy) in sets.items()}, names=["set"])
    save_figure(draw_fig3(sets, params.labels), table, output.figure, output.table)
