"""Relaxed hydrates of one shard of a set, as a store of kind "hydrates"."""

from icescope.job import job
from icescope.md.openmm_engine import OpenMM
from icescope.provenance import provenance
from icescope.storage import write
from icescope.structures.hydrate_sets import relaxed_hydrates

with job(snakemake.log[0], "hydrates"):
    params = snakemake.params
    structures = relaxed_hydrates(
        params.numbers, params.members, params.hydrates, params.size, OpenMM(snakemake.threads), params.seed
    )
    origin = provenance({"members": params.members, "hydrates": params.hydrates}, params.seed)
    write(structures, snakemake.output[0], kind="hydrates", provenance=origin)
