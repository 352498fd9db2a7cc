"""Figure 2 of Tang et al. 2023: AFM images at three heights, label and prediction of validation windows."""

import pandas as pd

from icescope import storage
from icescope.figures.afm_fig2 import draw_fig2
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.learning.data import read_stacks

with job(snakemake.log[0], "afm_fig2"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    accuracy = pd.read_csv(inputs.accuracy, index_col="species")
    predictions = storage.read(inputs.predictions, "predictions")
    figure = draw_fig2(read_stacks(inputs.stacks), predictions, accuracy, params.labels)
    save_figure(figure, accuracy, output.figure, output.table)
