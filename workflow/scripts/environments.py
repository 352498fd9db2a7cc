"""Descriptors of molecules drawn from one trajectory, as a store of kind "environments"."""

from icescope.amorphous.environments import draw_environments
from icescope.job import job
from icescope.provenance import provenance
from icescope.storage import write

with job(snakemake.log[0], "environments"):
    inputs, params = snakemake.input, snakemake.params
    drawn = draw_environments(inputs.trajectory, inputs.topology, inputs.record, params.molecules, params.seed)
    origin = provenance({"molecules": params.molecules}, params.seed, tuple(inputs))
    write(drawn, snakemake.output[0], kind="environments", provenance=origin)
