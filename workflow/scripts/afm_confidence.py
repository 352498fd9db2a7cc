"""Figure: reliability of the confidences and risk against coverage, on the test windows."""

import torch

from icescope import storage
from icescope.figures.afm_confidence import draw_confidence
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.learning.confidence import confidence_table, judge
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates
from icescope.learning.evaluation import true_atoms
from icescope.learning.weights import load_weights

with job(snakemake.log[0], "afm_confidence"):
    inputs, output = snakemake.input, snakemake.output
    _, card = load_weights(inputs.weights)
    stacks, predictions = read_stacks(inputs.stacks), storage.read(inputs.predictions, "predictions")
    found = candidates(torch.from_numpy(predictions.predicted_map.values).float(), card["pixel_size"], card)
    true = list(true_atoms(stacks, card["labels"]["pose_bound"]))
    table = confidence_table(judge(found, true, stacks.attrs["window_size"], card))
    save_figure(draw_confidence(table), table, output.figure, output.table)
