"""Rows of the reproduction table for Shupletsova and Stegailov 2026."""

import numpy as np
import pandas as pd

from icescope.amorphous.interface_shift import DIRECTIONS
from icescope.amorphous.nulls import SHUFFLED
from icescope.figures.published import published_numbers

PAPER = "Shupletsova and Stegailov 2026"
# The paper's settings, sections II and III.
MOLECULES = 2880
COMPRESSION_RATE, PRESS_RATE = 0.1, 0.01  # GPa/ns, of LDA and of the interface
RELAXATION = 30_000  # ps, of the interface


def amorphous_reproduction(
    accuracy: pd.DataFrame,
    components: pd.DataFrame,
    compression: pd.DataFrame,
    interface: pd.DataFrame,
    pressed: pd.DataFrame,
    settings: dict,
    scale: str,
) -> pd.DataFrame:
    """One row for each published number that this run has a value for, as in `reproduction.reproduction_table`.

    Parameters
    ----------
    accuracy
        Of all classifiers and seeds, see `amorphous.assessment`.
    components, compression
        From `amorphous.pca.table3` and `amorphous.compression.compression_summary`.
    interface
        From `figures.amorphous_fig7.flat_interface`, with its indices as columns.
    pressed
        From `figures.amorphous_fig9.pressed_interface`, with its indices as columns.
    settings
        The configuration's block `amorphous`.
    scale
        Name of the run.

    Returns
    -------
    Columns of the reproduction table; `test` has the accuracy by whole trajectories, where `ours` has it at random.
    """
    ours: dict[str, tuple[float, float, str]] = {}
    protocol, molecules = settings["protocol"], 16 * int(np.prod(settings["md"]["repeats"]))
    ices = (
        f"Ices of {molecules} molecules, LDA cooled at {protocol['cooling_rate']:g} K/ns, {settings['trajectories']} "
        "trajectories of each phase; MDA is the paper's source's recipe, run again."
    )
    learnt = accuracy[accuracy.seed.astype(str) != SHUFFLED]
    mean = learnt.groupby(["model", "descriptors", "split"]).accuracy.mean()
    for model, descriptors in mean.index.droplevel("split").unique():
        values = [mean[model, descriptors, split] for split in ("random", "trajectory")]
        ours[f"accuracy of {model}({descriptors}), random split"] = (*values, f"{ices} The paper has one split.")
    interface = interface[(interface.state == "relaxed") & (interface.side == "mean")].set_index("model")
    brief = _beside_paper("Relaxed for", settings["interface"]["relaxation"], RELAXATION, "ps")
    for model, row in interface.iterrows():
        ours[f"5-95 % thickness by M2({model})"] = (row["5-95"], np.nan, f"{brief} From the fit of tanh.")
        ours[f"integral thickness by M2({model})"] = (
            row["integral"],
            np.nan,
            f"{brief} 6 times the integral of p (1-p).",
        )
    ours["share of the interface's molecules below 0.9"] = (interface.unsure["O"], np.nan, brief)
    fast = _beside_paper("Compressed at", settings["interface"]["rate"], PRESS_RATE, "GPa/ns")
    fast += f" Held for {protocol['sampling']:g} ps."
    for model, states in pressed.groupby("model"):
        top = states.loc[states.pressure.idxmax()]
        ours[f"shift into LDA at {top.pressure:g} GPa by M2({model})"] = (top["shift"], np.nan, fast)
        thicker = top["integral"] - states["integral"].iloc[0]
        ours[f"change of the integral thickness at {top.pressure:g} GPa by M2({model})"] = (thicker, np.nan, fast)
        for _, row in states[states.direction == DIRECTIONS[1]].iterrows():
            quantity = f"shift into LDA at {row.pressure:g} GPa on the way back by M2({model})"
            ours[quantity] = (row["shift"], np.nan, fast)
    published = published_numbers()
    table = published[published.quantity.isin(ours)].copy()
    for place, name in enumerate(("ours", "test")):
        table.insert(3 + place, name, [ours[quantity][place] for quantity in table.quantity])
    table["why_they_differ"] = [ours[quantity][2] for quantity in table.quantity]

    known = components[components.published.notna()]
    third = pd.DataFrame({"row": "B3", "quantity": known.metric + " of M3(" + known.model + ")", "unit": "1"})
    third = third.assign(published=known.published, ours=known.ours, why_they_differ=ices, source=f"{PAPER}, table 3")
    known = compression[compression.published.notna()]
    rate = _beside_paper("Compressed at", settings["compression"]["rate"], COMPRESSION_RATE, "GPa/ns")
    rate += " " + _beside_paper("A cell of", molecules, MOLECULES, "molecules")
    fourth = known[["quantity", "published", "ours", "unit"]].assign(row="B4", why_they_differ=rate)
    fourth["source"] = f"{PAPER}, section " + known.source + " (published: " + known.relation + ")"
    return pd.concat([table, third, fourth], ignore_index=True).assign(scale=scale)


def _beside_paper(what: str, ours: float, published: float, unit: str) -> str:
    """A sentence on one setting, such as "Relaxed for 50 ps, where the paper has 30,000."."""
    same = "as in the paper" if np.isclose(ours, published) else f"where the paper has {published:,}"
    return f"{what} {ours:,g} {unit}, {same}."
