"""Figure 9 of Shupletsova and Stegailov 2026: the interface under pressure and let go."""

from icescope.amorphous.frames import settings_at
from icescope.amorphous.interface_shift import pressed_states
from icescope.figures.amorphous_fig7 import sandwich_of
from icescope.figures.amorphous_fig9 import draw_fig9, pressed_interface
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import read

with job(snakemake.log[0], "amorphous_fig9"):
    inputs, output = snakemake.input, snakemake.output
    stores = [read(path, "phases") for path in inputs.pressed]
    settings = settings_at(inputs.record, stores[0].time.values)
    states = pressed_states(*sandwich_of(stores), settings.set_pressure_GPa.to_numpy())
    table = pressed_interface(states, snakemake.params.seed)
    save_figure(draw_fig9(states, table), table, output.figure, output.table)
