"""Figure: contrast of windows of training films against the tip's height."""

import xarray as xr

from icescope import storage
from icescope.afm.contrast import contrast_by_height
from icescope.figures.afm_heights import draw_heights
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.structures.samples import take_samples

HEIGHTS = (7.0, 14.0)  # A above the mean oxygen plane; lower, the probe would be inside the water

with job(snakemake.log[0], "afm_heights"):
    params, contrasts = snakemake.params, []
    for path in snakemake.input.windows:
        windows = take_samples(storage.read(path, "windows"), 0, params.windows)
        one = contrast_by_height(windows, params.afm, HEIGHTS)
        film = [windows.attrs["film"]] * one.sizes["sample"]
        contrasts.append(one.assign_coords(film=("sample", film), window=("sample", range(len(film)))))
    figure, table = draw_heights(xr.concat(contrasts, "sample"), params.afm)
    save_figure(figure, table, snakemake.output.figure, snakemake.output.table)
