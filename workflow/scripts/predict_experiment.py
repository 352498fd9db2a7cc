"""Predict the atoms of one measured stack: structure.xyz, map.png and report.md in one folder."""

from pathlib import Path

from icescope.afm.measured import read_stack
from icescope.figures.experiment import draw_prediction
from icescope.job import job
from icescope.learning.experiment import predict_stack
from icescope.learning.experiment_report import read_truth, write_prediction
from icescope.learning.weights import load_weights

with job(snakemake.log[0], "predict_experiment"):
    stack = read_stack(snakemake.params.folder)
    truth = read_truth(snakemake.params.folder)
    network, card = load_weights(snakemake.input.weights)
    prediction = predict_stack(stack, network, card)
    figure = draw_prediction(prediction)
    folder = Path(snakemake.output.structure).parent
    write_prediction(prediction, figure, card, snakemake.input.weights, folder, truth)
