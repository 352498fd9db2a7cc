"""Figure 5 of Shupletsova and Stegailov 2026: slices of the cell at four moments of the transition."""

import pandas as pd

from icescope.amorphous.compression import MAIN, moments
from icescope.amorphous.phases import assign
from icescope.figures.amorphous_fig5 import draw_fig5, slice_table
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import read

with job(snakemake.log[0], "amorphous_fig5"):
    inputs, output = snakemake.input, snakemake.output
    two, fractions = read(inputs.two, "phases"), pd.read_csv(inputs.fractions, index_col=0)
    chosen = moments(fractions)
    cells = two.cell.values[chosen]
    phases = [assign(two.probability.values[frame], MAIN) for frame in chosen]
    pressures = fractions[fractions.threshold == MAIN].pressure.to_numpy()[chosen]
    table = slice_table(two.position.values[chosen], cells, phases, pressures)
    save_figure(draw_fig5(table, cells), table, output.figure, output.table)
