"""LDA | HDA | LDA: joined and relaxed at constant volume."""

import ase.io

from icescope.amorphous.ices import run_ice
from icescope.amorphous.sandwiches import join, relaxation_stages
from icescope.job import job, processors
from icescope.md.run import remove_checkpoints, write_outputs

with job(snakemake.log[0], "interface_relaxation"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    joined = join(ase.io.read(inputs.lda), ase.io.read(inputs.hda), params.interface["copies"], params.seed)
    stages = relaxation_stages(params.interface["relaxation"], params.sampling)
    finished = run_ice(joined, stages, params.md, params.seed, params.checkpoints, **processors(snakemake))
    write_outputs(joined, finished, output.trajectory, output.topology, output.record)
    remove_checkpoints(params.checkpoints)
