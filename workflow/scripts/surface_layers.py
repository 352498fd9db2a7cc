"""Order and mobility of the bilayers of a slab of ice."""

from icescope.job import job
from icescope.premelting.layers import layer_table
from icescope.storage import whole_file

with job(snakemake.log[0], "surface_layers"):
    inputs = snakemake.input
    table = layer_table(inputs.trajectory, inputs.topology, inputs.record)
    with whole_file(snakemake.output[0]) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")
