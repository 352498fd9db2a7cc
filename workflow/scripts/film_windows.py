"""Windows of one film trajectory, as a store of kind "windows"."""

from icescope.job import job
from icescope.provenance import provenance
from icescope.storage import write
from icescope.structures.windows import cut_windows

with job(snakemake.log[0], "film_windows"):
    inputs, params = snakemake.input, snakemake.params
    windows = cut_windows(inputs.topology, inputs.trajectory, params.windows, params.seed)
    windows.attrs["film"] = snakemake.wildcards.film
    origin = provenance(params.windows, params.seed, (inputs.topology, inputs.trajectory))
    write(windows, snakemake.output[0], kind="windows", provenance=origin)
