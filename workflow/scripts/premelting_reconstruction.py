"""Faces of ice read from simulated AFM images."""

import json
from pathlib import Path

import ase.io
import pandas as pd

from icescope.figures.page import save_figure
from icescope.figures.premelting_reconstruction import draw_reconstruction, reconstruction_table
from icescope.job import job

with job(snakemake.log[0], "premelting_reconstruction"):
    inputs, output = snakemake.input, snakemake.output
    table = reconstruction_table(pd.concat(map(pd.read_csv, inputs.tables)))
    structures = ase.io.read(inputs.structures, ":")
    pixel_size = json.loads(Path(inputs.card).read_text(encoding="utf-8"))["pixel_size"]
    figure = draw_reconstruction(table, structures, pixel_size)
    save_figure(figure, table, output.figure, output.table)
