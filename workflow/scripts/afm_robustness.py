"""Figure: accuracy on some test windows against the strength of each effect of an instrument."""

import numpy as np
import torch

from icescope.figures.afm_robustness import draw_robustness
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.learning.data import read_stacks
from icescope.learning.robustness import break_points, robustness
from icescope.learning.weights import load_weights
from icescope.storage import whole_file
from icescope.structures.samples import pick_samples

with job(snakemake.log[0], "afm_robustness"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    stacks = read_stacks(inputs.stacks)
    number = min(params.windows, stacks.sizes["sample"])
    some = pick_samples(stacks, np.linspace(0, stacks.sizes["sample"] - 1, number).round().astype(int))
    curves = robustness(network, card, some, params.afm, params.seed)
    breaks = break_points(curves)
    save_figure(draw_robustness(curves, breaks), curves, output.figure, output.table)
    with whole_file(output.breaks) as partial:
        breaks.to_csv(partial, float_format="%.4g", na_rep="none in range")
