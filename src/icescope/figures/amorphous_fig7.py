"""Figure 7 of Shupletsova and Stegailov 2026: a flat interface, and the profile of the probability of HDA across it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from icescope.amorphous.interface import fit_interface, two_steps
from icescope.amorphous.interface_frames import edges, pool, pooled_interface, pooled_profile, regions
from icescope.amorphous.phases import INTERMEDIATE, assign
from icescope.figures.amorphous_phases import COLOURS
from icescope.figures.page import PAGE, new_figure

SLICE = 6.0  # A along z, of which the snapshot shows the oxygens
THRESHOLD = 0.95  # of the snapshot's phases
TALLEST = 0.4  # of the length of the cell: so much of it the snapshot shows along y, at most
WIDE = 6.4  # inches, of a panel
DOT = 1.2  # A
MODELS = ("O", "O,H")  # sets of descriptors; the first one colours the snapshot


class Sandwich(NamedTuple):
    """Frames of a sandwich: `probabilities` of HDA by model (frames, molecules), places (frames, molecules, 3), A, and
    cells (frames, 3, 3), A."""

    probabilities: dict[str, np.ndarray]
    positions: np.ndarray
    cells: np.ndarray


def sandwich_of(stores: Sequence[xr.Dataset]) -> Sandwich:
    """Frames of stores of kind "phases", of the same trajectory by the classifiers M2 on the descriptors of MODELS."""
    hda = {store.attrs["descriptors"]: store.probability.sel(phase="HDA").values.astype(float) for store in stores}
    return Sandwich(hda, stores[0].position.values.astype(float), stores[0].cell.values.astype(float))


def flat_interface(states: dict[str, Sandwich], seed: int) -> pd.DataFrame:
    """`pooled_interface` of each model and state: "relaxed", "as joined", and others.

    "as joined" is the null: there the ice changes at a seam, and whatever thickness is seen comes from the reach of the
    descriptors and from how the classifier takes surroundings that are cut.

    Returns
    -------
    Rows by model, state and side (left, right, mean).
    """
    tables = {
        (model, state): pooled_interface(frames.probabilities[model], frames.positions, frames.cells, seed)
        for model in MODELS
        for state, frames in states.items()
    }
    return pd.concat(tables, names=["model", "state", "side"])


def draw_fig7(relaxed: Sandwich, joined: Sandwich, table: pd.DataFrame) -> Figure:
    """The last relaxed frame from the side, and below it the profile of each model.

    Parameters
    ----------
    table
        From `flat_interface`.
    """
    length, across, _ = edges(relaxed.cells).mean(0)
    shown = min(across, TALLEST * length)
    height = 1.12 * WIDE * shown / length  # inches
    figure = new_figure(PAGE, height + 4.4)
    snapshot, *panels = figure.subplots(1 + len(MODELS), 1, sharex=True, height_ratios=[height, 1.5, 1.5])
    _draw_snapshot(snapshot, relaxed, shown)
    for panel, model in zip(panels, MODELS, strict=True):
        _draw_profile(panel, relaxed, joined, model)
        panel.set_title(_in_words(table.loc[model]), fontsize=6.5, loc="left")
        panel.text(0.99, 0.9, f"M2({model})", ha="right", transform=panel.transAxes)
    snapshot.set_xlim(0, length)
    panels[-1].set_xlabel("x (Å)")
    entries = zip(snapshot.get_legend_handles_labels(), panels[0].get_legend_handles_labels(), strict=True)
    figure.legend(*(one + other for one, other in entries), loc="outside lower center", ncols=6, fontsize=7)
    return figure


def _draw_snapshot(axis: Axes, frames: Sandwich, shown: float) -> None:
    """Oxygens of a slice along z, up to `shown`, A, along y."""
    probability, positions, cells = frames.probabilities[MODELS[0]][-1], frames.positions[-1], frames.cells[-1:]
    lengths = edges(cells)[0]
    inside = positions % lengths
    seen = np.abs(inside[:, 2] - lengths[2] / 2) < SLICE / 2
    phase = assign(np.stack([1 - probability, probability], axis=1), THRESHOLD)
    size = (DOT / lengths[0] * WIDE * 72) ** 2  # points
    for name, number in {"LDA": 0, "HDA": 1, "IA": INTERMEDIATE}.items():
        chosen = seen & (phase == number)
        axis.scatter(*inside[chosen, :2].T, s=size, color=COLOURS[name], linewidths=0, label=name)
    _, places, mean = pool(frames.probabilities[MODELS[0]], frames.positions, frames.cells)
    found = fit_interface(places[:, 0], np.ravel(frames.probabilities[MODELS[0]]), mean[0])
    for name, (low, high) in regions(found, mean[0]).items():
        for start in (low, low - mean[0]):  # a region may lie across the cell's edge
            box = Rectangle((start, 0), high - low, shown, fill=False, linestyle=":", linewidth=1.2)
            axis.add_patch(box)
            if 0 <= start + (high - low) / 2 <= mean[0]:
                axis.text(start + (high - low) / 2, 1.02 * shown, name, ha="center", va="bottom")
    axis.set(ylabel="y (Å)", ylim=(0, shown), aspect="equal")


def _draw_profile(axis: Axes, relaxed: Sandwich, joined: Sandwich, model: str) -> None:
    before = pooled_profile(joined.probabilities[model], joined.positions, joined.cells)
    axis.plot(before.x, before.probability, color="0.6", linewidth=0.8, label="as joined")
    now = pooled_profile(relaxed.probabilities[model], relaxed.positions, relaxed.cells)
    style = {"markersize": 2.5, "linewidth": 0.8, "color": "black"}
    axis.errorbar(now.x, now.probability, now.error, fmt="o", label="relaxed, layers of 2 Å", **style)
    probability, places, lengths = pool(relaxed.probabilities[model], relaxed.positions, relaxed.cells)
    found = fit_interface(places[:, 0], probability, lengths[0])
    x = np.linspace(0, lengths[0], 1000)
    axis.plot(x, two_steps(x, found, lengths[0]), color=COLOURS["HDA"], linewidth=1, label="fit of two tanh")
    axis.set(ylabel="P(HDA)", ylim=(-0.04, 1.04))


def _in_words(table: pd.DataFrame) -> str:
    """Position, thicknesses and unsure molecules of one model, rows by state and side."""

    def value(state: str, side: str, name: str) -> str:
        return f"{table.loc[(state, side), name]:.1f} ± {table.loc[(state, side), f'{name} error']:.1f}"

    now, before = "relaxed", "as joined"
    share = 100 * table.loc[(now, "mean"), ["unsure", "unsure error", "unsure elsewhere"]].to_numpy(float)
    return (
        f"at {value(now, 'left', 'position')} and {value(now, 'right', 'position')} Å;"
        f" thickness 5-95 % {value(now, 'mean', '5-95')} Å (by layers {value(now, 'mean', '5-95 by layers')} Å),"
        f" 10-90 % {value(now, 'mean', '10-90')} Å,\nintegral {value(now, 'mean', 'integral')} Å (by layers"
        f" {value(now, 'mean', 'integral by layers')} Å); as joined 5-95 % {value(before, 'mean', '5-95')} Å;"
        f" below 0.9: {share[0]:.0f} ± {share[1]:.0f} % of the interface, {share[2]:.0f} % elsewhere"
    )
