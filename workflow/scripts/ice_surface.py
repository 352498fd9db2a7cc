"""One slab of ice, heated in steps and cooled again."""

from icescope.job import job, processors
from icescope.md.run import remove_checkpoints, write_outputs
from icescope.premelting.surface import run_surface, surface, surface_stages

with job(snakemake.log[0], "ice_surface"):
    params, output = snakemake.params, snakemake.output
    settings = params.surface
    start = surface(settings["repeats"], settings["vacuum"], params.seed)
    stages = surface_stages(settings["temperatures"], settings["rate"], settings["hold"])
    finished = run_surface(start, stages, settings["md"], params.seed, params.checkpoints, **processors(snakemake))
    write_outputs(start, finished, output.trajectory, output.topology, output.record)
    remove_checkpoints(params.checkpoints)
