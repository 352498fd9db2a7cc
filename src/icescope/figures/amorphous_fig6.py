"""Figure 6 of Shupletsova and Stegailov 2026: clusters of HDA and IA under compression, and the density."""

import pandas as pd
from matplotlib.figure import Figure

from icescope.amorphous.compression import MAIN
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import PAGE, new_figure

PHASES = ("HDA", "IA")


def draw_fig6(table: pd.DataFrame) -> Figure:
    """Largest cluster of HDA and IA (a), number of clusters (b), and density (c), against pressure.

    Parameters
    ----------
    table
        From `amorphous.compression.compression_table`, with the threshold MAIN.
    """
    main = table[table.threshold == MAIN]
    figure = new_figure(PAGE, 2.7)
    sizes, numbers, densities = panels = figure.subplots(1, 3, sharex=True)
    for name in PHASES:
        style = {"color": COLOURS[name], "linewidth": 1, "marker": "o", "markersize": 2, "label": name}
        largest = main[f"largest_{name}"]
        sizes.semilogy(main.pressure, largest.where(largest > 0), **style)  # a logarithm has no place for none
        numbers.plot(main.pressure, main[f"{name}_clusters"], **style)
    densities.plot(main.pressure, main.density, color="black", linewidth=1)
    sizes.axhline(main.molecules.iloc[0], color="0.6", linestyle=":", linewidth=1)
    sizes.set(ylabel="molecules of the largest cluster", ylim=(0.8, 1.5 * main.molecules.iloc[0]))
    numbers.set(ylabel="clusters", title=f"threshold {MAIN:g}")
    densities.set_ylabel("density (g/cm³)")
    sizes.legend()
    for letter, panel in zip("abc", panels, strict=True):
        panel.set_xlabel("pressure (GPa)")
        panel.text(-0.25, 1.04, letter, transform=panel.transAxes, weight="bold", fontsize=10)
    return figure
