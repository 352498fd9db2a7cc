"""AFM stacks of windows of a training film at other places than those trained on, mostly of the same frames."""

from icescope import storage
from icescope.afm.stacks import simulate_windows
from icescope.job import job
from icescope.provenance import provenance
from icescope.structures.windows import cut_windows

with job(snakemake.log[0], "random_stacks"):
    inputs, params = snakemake.input, snakemake.params
    windows = cut_windows(inputs.topology, inputs.trajectory, params.windows, params.seed)
    windows.attrs["film"] = snakemake.wildcards.film
    origin = provenance({"windows": params.windows, "afm": params.afm}, params.seed, inputs)
    storage.write(simulate_windows(windows, params.afm), snakemake.output[0], "afm_stacks", origin)
