"""Figure 7 of Shupletsova and Stegailov 2026: the flat interface and its profiles."""

from icescope.figures.amorphous_fig7 import draw_fig7, flat_interface, sandwich_of
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import read

with job(snakemake.log[0], "amorphous_fig7"):
    inputs, output = snakemake.input, snakemake.output
    relaxed, joined = (
        sandwich_of([read(path, "phases") for path in paths]) for paths in (inputs.interface, inputs.joined)
    )
    table = flat_interface(relaxed, joined, snakemake.params.seed)
    save_figure(draw_fig7(relaxed, joined, table), table, output.figure, output.table)
