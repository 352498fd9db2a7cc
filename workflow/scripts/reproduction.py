"""Each published number beside ours."""

import json
from pathlib import Path

import pandas as pd

from icescope.figures.page import save_table
from icescope.figures.reproduction import reproduction_table
from icescope.figures.reproduction_amorphous import amorphous_reproduction
from icescope.figures.reproduction_premelting import premelting_reproduction
from icescope.job import job

CARDS = "water", "pt", "hydrates"
SETS = "validation", "random", "test", "pt_test", "simple_hydrates", "complex_hydrates"
ICES = "phases", "components", "compression", "interface", "pressed"

with job(snakemake.log[0], "reproduction"):
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    cards = {name: json.loads(Path(inputs[name]).read_text(encoding="utf-8")) for name in CARDS}
    accuracy = {scored: pd.read_csv(inputs[scored], index_col="species") for scored in SETS}
    table = reproduction_table(cards, accuracy, pd.read_csv(inputs.curves))
    ices = [pd.read_csv(inputs[name]) for name in ICES]
    more = amorphous_reproduction(*ices, params.amorphous, params.run)
    surface = premelting_reproduction(pd.read_csv(inputs.surface), params.premelting, params.run)
    together = pd.concat([table, more, surface], ignore_index=True)[table.columns]
    together.attrs["title"] = table.attrs["title"]
    save_table(together, output.csv, output.table)
