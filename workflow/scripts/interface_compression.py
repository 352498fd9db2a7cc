"""The interface under pressure along x."""

from icescope.amorphous.frames import last_frame
from icescope.amorphous.ices import run_ice
from icescope.amorphous.sandwiches import press_stages
from icescope.job import job, processors
from icescope.md.run import remove_checkpoints, write_outputs

with job(snakemake.log[0], "interface_compression"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    atoms = last_frame(inputs.trajectory, inputs.topology)
    interface, protocol = params.interface, params.protocol
    times = protocol["settle"], protocol["sampling"]
    stages = press_stages(interface["pressures"], interface["rate"], *times)
    finished = run_ice(atoms, stages, params.md, params.seed, params.checkpoints, **processors(snakemake))
    write_outputs(atoms, finished, output.trajectory, output.topology, output.record)
    remove_checkpoints(params.checkpoints)
