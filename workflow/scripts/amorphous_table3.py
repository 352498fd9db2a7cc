"""Table 3 of Shupletsova and Stegailov 2026: numbers of the principal components, published and ours."""

from icescope.amorphous.environments import read_environments
from icescope.amorphous.pca import components_of, table3
from icescope.amorphous.soap import DESCRIPTOR_SETS
from icescope.figures.page import save_table
from icescope.job import job

with job(snakemake.log[0], "amorphous_table3"):
    output = snakemake.output
    environments = read_environments(snakemake.input, snakemake.params.trajectories)
    save_table(table3(components_of(environments, tuple(DESCRIPTOR_SETS))), output.table, output.html)
