"""Figure: density profiles of all films, and a window of each training film seen from above."""

import pandas as pd

from icescope import storage
from icescope.figures.afm_windows import draw_windows
from icescope.figures.page import save_figure
from icescope.job import job

with job(snakemake.log[0], "afm_windows"):
    params = snakemake.params
    profiles = {film: pd.read_csv(path) for film, path in zip(params.films, snakemake.input.profiles, strict=True)}
    windows = [storage.read(path, "windows") for path in snakemake.input.windows]
    figure, table = draw_windows(profiles, params.films, windows, params.labels)
    save_figure(figure, table, snakemake.output.figure, snakemake.output.table)
