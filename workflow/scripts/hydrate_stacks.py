"""AFM stacks of one shard of hydrates, from their DFT potentials and from point charges."""

from icescope import storage
from icescope.afm.hydrate_stacks import simulate_hydrates
from icescope.job import job
from icescope.provenance import provenance

with job(snakemake.log[0], "hydrate_stacks"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    structures = storage.read(inputs.structures, "hydrates")
    potentials = storage.read(inputs.potentials, "hydrate_potentials")
    for electrostatics in ("dft", "charges"):
        stacks = simulate_hydrates(structures, potentials, params.afm, electrostatics)
        storage.write(stacks, output[electrostatics], "afm_stacks", provenance(params.afm, inputs=inputs))
