"""Figure 8 of Shupletsova and Stegailov 2026: layers of the interface on the component that separates the phases."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.figure import Figure

from icescope.amorphous.environments import Environments
from icescope.amorphous.interface import fit_interface
from icescope.amorphous.interface_frames import edges, regions, within
from icescope.amorphous.pca import components_of
from icescope.amorphous.projection import MIXTURE, PHASES, compare_layers, densities, separation
from icescope.amorphous.soap import soap
from icescope.figures.amorphous_fig7 import Sandwich
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import PAGE, new_figure

COMPONENTS = 10  # that are kept
LAYERS = {"I": ("LDA", "I, LDA"), "II": ("IA", "II, interface"), "III": ("HDA", "III, HDA")}  # colour and name


class Projected(NamedTuple):
    """Molecules on principal components (molecules, components) of one set of descriptors: of the training data by
    phase, and of the layers I, II and III; and the component to draw, from 1."""

    training: dict[str, np.ndarray]
    layers: dict[str, np.ndarray]
    component: int


def project(environments: Environments, name: str, interface: Sandwich, last: Atoms) -> Projected:
    """A panel: the training data, and the last frame of an interface, on the component that separates the phases best.

    In the paper that is PC1 of (O) and PC2 of (O,H); which it is depends on how much each phase varies within itself.

    Parameters
    ----------
    environments
        Of LDA, MDA and HDA.
    name
        Of the set of descriptors.
    interface
        Frames of the interface, of which the last tells where the layers are.
    last
        That frame with its hydrogens, A.
    """
    components = components_of(environments, (name,))[name]
    scores = components.projection.transform(environments.descriptors(name))[:, :COMPONENTS]
    training = {phase: scores[environments.phase == number] for number, phase in enumerate(components.phases)}
    x, length = interface.positions[-1][:, 0], edges(interface.cells)[-1, 0]
    found = fit_interface(x, interface.probabilities[name][-1], length)
    there = components.projection.transform(soap(last, name))[:, :COMPONENTS]
    layers = {region: there[within(x, place, length)] for region, place in regions(found, length).items()}
    return Projected(training, layers, int(separation(training).idxmax()))


def projected_layers(panels: dict[str, Projected]) -> pd.DataFrame:
    """`compare_layers` of each set of descriptors, and which component separates its phases best.

    Returns
    -------
    Rows by set and distribution; columns component (drawn), separation (the share of the training data that logistic
    regression on it tells right), best component and best separation, then those of `compare_layers`.
    """
    tables = {}
    for name, panel in panels.items():
        table = compare_layers(*panel)
        shares = separation(panel.training)
        of_all = {"component": panel.component, "separation": shares[panel.component]}
        of_all |= {"best component": shares.idxmax(), "best separation": shares.max()}
        for place, (column, value) in enumerate(of_all.items()):
            table.insert(place, column, value)
        tables[name] = table
    return pd.concat(tables, names=["descriptors", "distribution"])


def draw_fig8(panels: dict[str, Projected], table: pd.DataFrame) -> Figure:
    """A panel a set: training data filled, layers as lines, and dotted the mixture of the layers I and III.

    Parameters
    ----------
    table
        From `projected_layers`.
    """
    figure = new_figure(PAGE, 3.3)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for letter, axis, (name, panel) in zip("abcd", axes, panels.items(), strict=False):
        place, found = densities(*panel)
        for phase in PHASES:
            axis.fill_between(
                place, found[phase], color=COLOURS[phase], alpha=0.25, linewidth=0, label=f"{phase}, training"
            )
        for region, (colour, label) in LAYERS.items():
            axis.plot(place, found[region], color=COLOURS[colour], linewidth=1.4, label=label)
        axis.plot(place, found[MIXTURE], color="black", linestyle=":", linewidth=1.2, label="mixture of I and III")
        row = table.loc[(name, "II")]
        title = f"descriptors ({name}); overlap of II with MDA {row['overlap MDA']:.2f}"
        axis.set(xlabel=f"PC{panel.component}", ylim=(0, None), yticks=[])
        axis.set_title(f"{title},\nwith the mixture {row['overlap mixture']:.2f}", fontsize=7)
        axis.text(-0.04, 1.06, letter, transform=axis.transAxes, weight="bold", fontsize=10)
    axes[0].set_ylabel("density of molecules (a.u.)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=7)
    return figure
