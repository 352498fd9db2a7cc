"""Figure 6 of Shupletsova and Stegailov 2026: clusters of HDA and of intermediate ice, and the density."""

import pandas as pd

from icescope.amorphous.compression import MAIN
from icescope.figures.amorphous_fig6 import draw_fig6
from icescope.figures.page import save_figure
from icescope.job import job

with job(snakemake.log[0], "amorphous_fig6"):
    table = pd.read_csv(snakemake.input[0], index_col=0)
    main = table[table.threshold == MAIN]
    save_figure(draw_fig6(table), main, snakemake.output.figure, snakemake.output.table)
