"""Figure 4 of Tang et al. 2023: accuracy against the number of hydrates learnt from."""

import pandas as pd

from icescope.figures.afm_fig4 import draw_fig4, learning_curves
from icescope.figures.page import save_figure
from icescope.job import job

with job(snakemake.log[0], "afm_fig4"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    tables = [pd.read_csv(path, index_col=["seed", "species"]) for path in inputs.accuracy]
    curves = learning_curves(params.networks, tables)
    save_figure(draw_fig4(curves), curves, output.figure, output.table)
