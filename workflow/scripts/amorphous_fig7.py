"""Figure 7 of Shupletsova and Stegailov 2026: the flat interface and its profiles."""

from icescope.amorphous.classification import uncalibrated
from icescope.figures.amorphous_fig7 import draw_fig7, flat_interface, sandwich_of
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import read

with job(snakemake.log[0], "amorphous_fig7"):
    inputs, output = snakemake.input, snakemake.output
    relaxed, joined = ([read(path, "phases") for path in paths] for paths in (inputs.interface, inputs.joined))
    states = {
        "relaxed": sandwich_of(relaxed),
        "as joined": sandwich_of(joined),
        "relaxed, not calibrated": sandwich_of([uncalibrated(one) for one in relaxed]),
    }
    table = flat_interface(states, snakemake.params.seed)
    save_figure(draw_fig7(states["relaxed"], states["as joined"], table), table, output.figure, output.table)
