"""Figure: contrast of windows of training films against the tip's height."""

import xarray as xr

from icescope import storage
from icescope.afm.contrast import contrast_by_height
from icescope.afm.stacks import LEAST_PROBE_HEIGHT
from icescope.figures.afm_heights import draw_heights
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.structures.samples import take_samples

RANGE = 7.0  # A

with job(snakemake.log[0], "afm_heights"):
    params, contrasts = snakemake.params, []
    afm = params.afm
    lowest = LEAST_PROBE_HEIGHT + afm["tip"]["length"] + afm["amplitude"]  # lower, the probe would be inside the water
    for path in snakemake.input.windows:
        windows = take_samples(storage.read(path, "windows"), 0, params.windows)
        one = contrast_by_height(windows, afm, (lowest, lowest + RANGE))
        film = [windows.attrs["film"]] * one.sizes["sample"]
        contrasts.append(one.assign_coords(film=("sample", film), window=("sample", range(len(film)))))
    figure, table = draw_heights(xr.concat(contrasts, "sample"), afm)
    save_figure(figure, table, snakemake.output.figure, snakemake.output.table)
