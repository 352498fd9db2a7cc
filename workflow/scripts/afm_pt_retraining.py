"""Figure: accuracy on Au and Pt before and after training again on windows of Pt."""

import pandas as pd

from icescope.figures.afm_pt_retraining import draw_retraining, retraining_table, swap_table
from icescope.figures.page import save_figure
from icescope.job import job

with job(snakemake.log[0], "afm_pt_retraining"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    keys = [tuple(key) for key in params.pairs]
    accuracy = retraining_table(
        {key: pd.read_csv(path, index_col="species") for key, path in zip(keys, inputs.accuracy, strict=True)}
    )
    levels = ["decoding", "what", "score"]
    swaps = swap_table(
        {key: pd.read_csv(path, index_col=levels) for key, path in zip(keys, inputs.scores, strict=True)}
    )
    figure = draw_retraining(accuracy, swaps)
    rates = swaps.xs("peaks", level="decoding").add_prefix("donors_swapped_")
    save_figure(figure, accuracy.join(rates, on=["surface", "stage"]), output.figure, output.table)
