"""Make one simulated stack look measured, with its true atoms: the folder of the example experiment."""

from icescope import storage
from icescope.job import job
from icescope.learning.example import write_example

with job(snakemake.log[0], "example_stack"):
    params = snakemake.params
    stacks = storage.read(snakemake.input.stacks, kind="afm_stacks")
    write_example(stacks, params.sample, params.pose_bound, params.seed, snakemake.output.folder)
