"""Figure 2 of Tang et al. 2023: AFM images at three heights, label and prediction of water on Au and on Pt."""

import pandas as pd

from icescope import storage
from icescope.figures.afm_fig2 import draw_fig2
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.learning.data import read_stacks

with job(snakemake.log[0], "afm_fig2"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    surfaces = {
        surface: (
            read_stacks(inputs[f"{scored}_stacks"]),
            storage.read(inputs[f"{scored}_predictions"], "predictions"),
            pd.read_csv(inputs[f"{scored}_accuracy"], index_col="species"),
        )
        for surface, scored in params.surfaces.items()
    }
    table = pd.concat({surface: accuracy for surface, (_, _, accuracy) in surfaces.items()}, names=["surface"])
    save_figure(draw_fig2(surfaces, params.labels), table, output.figure, output.table)
