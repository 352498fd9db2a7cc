"""One trajectory of an amorphous ice through its states."""

from pathlib import Path

from icescope.amorphous.ices import prepare, state_points
from icescope.job import job, processors
from icescope.md.run import remove_checkpoints, write_outputs
from icescope.md.shuffle import CHECKPOINT

with job(snakemake.log[0], "amorphous_ice"):
    params, output = snakemake.params, snakemake.output
    md, protocol = params.md, params.protocol
    states = state_points(**params.states, settle=protocol["settle"], sampling=protocol["sampling"])
    start, finished = prepare(
        snakemake.wildcards.phase, md, protocol, states, params.seed, params.checkpoints, **processors(snakemake)
    )
    write_outputs(start, finished, output.trajectory, output.topology, output.record)
    Path(params.checkpoints, CHECKPOINT).unlink(missing_ok=True)
    remove_checkpoints(params.checkpoints)
