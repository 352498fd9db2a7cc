"""Figure of a film's run over time."""

from icescope.figures.run_record import draw_record
from icescope.job import job
from icescope.md.record import read_record
from icescope.storage import whole_file

with job(snakemake.log[0], "film_record"):
    figure = draw_record(read_record(snakemake.input[0]), f"{snakemake.wildcards.film}, {snakemake.params.engine}")
    with whole_file(snakemake.output[0]) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
