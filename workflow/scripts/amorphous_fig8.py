"""Figure 8 of Shupletsova and Stegailov 2026: layers of the interface on the component that separates the phases."""

from icescope.amorphous.environments import read_environments
from icescope.amorphous.frames import last_frame
from icescope.figures.amorphous_fig7 import sandwich_of
from icescope.figures.amorphous_fig8 import draw_fig8, project, projected_layers
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import read

with job(snakemake.log[0], "amorphous_fig8"):
    inputs, output = snakemake.input, snakemake.output
    environments = read_environments(inputs.environments, snakemake.params.trajectories)
    interface = sandwich_of([read(path, "phases") for path in inputs.interface])
    last = last_frame(inputs.trajectory, inputs.topology)
    panels = {name: project(environments, name, interface, last) for name in ("O", "O,H")}
    table = projected_layers(panels)
    save_figure(draw_fig8(panels, table), table, output.figure, output.table)
