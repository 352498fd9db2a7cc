"""State of the surface of ice over temperature."""

import pandas as pd

from icescope.figures.page import save_figure
from icescope.figures.premelting_phase_diagram import draw_phase_diagram, snapshots
from icescope.job import job
from icescope.premelting.states import amorphous_bounds, surface_states
from icescope.storage import whole_file

with job(snakemake.log[0], "premelting_phase_diagram"):
    inputs, output, seed = snakemake.input, snakemake.output, snakemake.params.seed
    tables = {number: pd.read_csv(path) for number, path in enumerate(inputs.layers)}
    layers = pd.concat(tables, names=["slab"]).reset_index("slab")
    states, bounds = surface_states(layers, seed), amorphous_bounds(layers, seed)
    views = snapshots(inputs.trajectory, inputs.topology, inputs.record)
    save_figure(draw_phase_diagram(states, bounds, views), states, output.figure, output.table)
    with whole_file(output.bounds) as partial:
        bounds.to_csv(partial, float_format="%.6g")
