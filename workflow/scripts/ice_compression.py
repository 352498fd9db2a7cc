"""LDA compressed at 77 K."""

from icescope.amorphous.frames import last_frame
from icescope.amorphous.ices import compression_md, compression_stages, run_ice
from icescope.job import job, processors
from icescope.md.run import remove_checkpoints, write_outputs

with job(snakemake.log[0], "ice_compression"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    atoms = last_frame(inputs.trajectory, inputs.topology)
    stages = compression_stages(**params.compression, settle=params.settle)
    md = compression_md(params.md, **params.compression)
    finished = run_ice(atoms, stages, md, params.seed, params.checkpoints, **processors(snakemake))
    write_outputs(atoms, finished, output.trajectory, output.topology, output.record)
    remove_checkpoints(params.checkpoints)
