"""DFT potentials of one shard of hydrates; goes on at the structure that a killed job was at."""

import numba

from icescope import storage
from icescope.dft.batch import hydrate_potentials, remove_kept
from icescope.job import job
from icescope.provenance import provenance

with job(snakemake.log[0], "hydrate_potentials"):
    params = snakemake.params
    numba.set_num_threads(snakemake.threads)
    structures = storage.read(snakemake.input[0], "hydrates")
    potentials = hydrate_potentials(structures, params.dft, params.checkpoints, params.code)
    origin = provenance(params.dft, inputs=snakemake.input)
    storage.write(potentials, snakemake.output[0], "hydrate_potentials", origin)
    remove_kept(params.checkpoints)  # only now, with the store whole
