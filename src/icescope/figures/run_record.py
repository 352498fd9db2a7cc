"""A run of molecular dynamics over time: temperature, pressure, density and energy, with the rates of its ramps."""

import pandas as pd
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure
from icescope.md.record import stage_spans

PANELS = (  # label, measured column, what was set
    ("temperature (K)", "temperature_K", "set_temperature_K"),
    ("pressure (GPa)", "pressure_GPa", "set_pressure_GPa"),
    ("density (g/cm³)", "density_g_per_cm3", None),
    ("potential\nenergy (eV)", "potential_energy_eV", None),
)
MEASURED, SET = "#0072B2", "0.3"


def draw_record(record: pd.DataFrame, title: str) -> Figure:
    """One panel a quantity over time; stages are told apart by shading, and named with their rates above.

    Parameters
    ----------
    record
        See `md.record.run_record`. A quantity that is nowhere recorded has no panel.
    title
        What was run.
    """
    panels = [panel for panel in PANELS if record[panel[1]].notna().any()]
    figure = new_figure(PAGE, 0.6 + 1.1 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    time = record.time_ps
    for axis, (label, measured, set_to) in zip(axes, panels, strict=True):
        axis.plot(time, record[measured], color=MEASURED, linewidth=0.6, label="measured")
        if set_to and record[set_to].notna().any():
            axis.plot(time, record[set_to], "--", color=SET, linewidth=0.9, label="set")
            axis.legend(loc="lower right", ncols=2, fontsize=6)
        axis.set_ylabel(label)
    for index, span in enumerate(stage_spans(record)):
        for axis in axes:
            if index % 2:
                axis.axvspan(span.start, span.end, color="0.93", zorder=0)
        name = span.name + (f"\n{span.rate}" if span.rate else "")
        middle = (span.start + span.end) / 2
        axes[0].annotate(name, (middle, 1.02), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=6)
    axes[0].set_xlim(0, time.iloc[-1])
    axes[-1].set_xlabel("time (ps)")
    figure.suptitle(title, fontsize=8)
    return figure
