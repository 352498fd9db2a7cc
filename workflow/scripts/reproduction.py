"""Each published number beside ours."""

import json

import pandas as pd

from icescope.figures.page import save_table
from icescope.figures.reproduction import reproduction_table
from icescope.job import job

with job(snakemake.log[0], "reproduction"):
    inputs, output = snakemake.input, snakemake.output
    with open(inputs.card, encoding="utf-8") as file:
        card = json.load(file)
    accuracy = {split: pd.read_csv(inputs[split], index_col="species") for split in ("validation", "test")}
    save_table(reproduction_table(card, accuracy), output.csv, output.table)
