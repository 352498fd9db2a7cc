"""Figure 3 of Shupletsova and Stegailov 2026: principal components of the descriptors."""

import pandas as pd

from icescope.amorphous.environments import read_environments
from icescope.amorphous.pca import components_of
from icescope.figures.amorphous_fig3 import draw_fig3
from icescope.figures.page import save_figure
from icescope.job import job

with job(snakemake.log[0], "amorphous_fig3"):
    params, output = snakemake.params, snakemake.output
    results = components_of(read_environments(snakemake.input, params.trajectories), ("O", "O,H"))
    scores = {
        name: pd.DataFrame(one.scores, columns=["PC1", "PC2"]).assign(phase=[one.phases[i] for i in one.phase])
        for name, one in results.items()
    }
    table = pd.concat(scores, names=["descriptors", "molecule"])
    save_figure(draw_fig3(results, params.seed), table, output.figure, output.table)
