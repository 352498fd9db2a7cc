"""AFM stacks of one shard of a film's windows."""

from icescope import storage
from icescope.afm.stacks import simulate_windows
from icescope.job import job
from icescope.provenance import provenance
from icescope.structures.samples import take_samples

with job(snakemake.log[0], "afm_stacks"):
    params = snakemake.params
    windows = storage.read(snakemake.input[0], "windows")
    first = params.shard * params.afm["shard_size"]
    shard = take_samples(windows, first, first + params.afm["shard_size"])
    stacks = simulate_windows(shard, params.afm)
    storage.write(stacks, snakemake.output[0], "afm_stacks", provenance(params.afm, inputs=snakemake.input))
