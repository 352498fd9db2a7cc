"""The reproduction table: each published number, ours, the scale of the run, and why they differ."""

import pandas as pd

from icescope.figures.published import published_numbers

NAMES = {"O": "oxygen", "H": "hydrogen", "Na": "sodium"}


def reproduction_table(cards: dict[str, dict], accuracy: dict[str, pd.DataFrame], curves: pd.DataFrame) -> pd.DataFrame:
    """One row for each number of published.csv that this run has a value for.

    Parameters
    ----------
    cards
        Of the weights of the networks "water", trained on films, "pt", trained again on Pt, and "hydrates".
    accuracy
        By set ("validation", "random", "test" and "pt_test" of water, "simple_hydrates", "complex_hydrates" of
        hydrates): table by species, see `learning.evaluation.evaluate`.
    curves
        From `figures.afm_fig4.learning_curves`, with its indices as columns.

    Returns
    -------
    Columns row, quantity, published, ours, test, random, unit, scale, why_they_differ, source; `test` is ours on the
    samples that no choice was made on, `random` on windows of the films trained on, as the published ones are.
    """
    published = published_numbers()
    water, metal = cards["water"], cards["water"]["metal"]
    sets = {
        f"{metal}(111), validation": ("OH", "validation", "test", _about_water(water, published)),
        "Pt(111), test": ("OH", None, "pt_test", f"As on {metal}(111), whose windows it was trained on."),
        "simple hydrates": (["Na", "O", "H"], "simple_hydrates", None, _about_hydrates(cards["hydrates"])),
        "complex hydrates": (["Na", "O", "H"], None, "complex_hydrates", _about_hydrates(cards["hydrates"])),
    }
    ours: dict[str, tuple[float | None, float | None, str]] = {}
    for name, (species, seen, unseen, why) in sets.items():
        tables = [None if one is None else accuracy[one] for one in (seen, unseen)]
        for symbol in species:
            values = [None if table is None else 100 * table.accuracy[symbol] for table in tables]
            ours[f"{NAMES[symbol]} accuracy on {name}"] = (*values, why)
        losses = [None if table is None else table.loss.iloc[0] for table in tables]
        scale = "Colours, disc radii and pixel size of the map are ours, so the loss has another scale."
        ours[f"loss on {name}"] = (*losses, scale)
    scratch = curves.set_index(["origin", "protocol", "size", "species"]).sort_index()
    scratch = scratch.loc["scratch", "epochs", curves["size"].max(), "H"]
    ours["hydrogen accuracy on simple hydrates, without pretraining"] = (
        100 * scratch.accuracy.mean(),
        None,
        f"Mean of {len(scratch)} seeds, {curves['size'].max()} hydrates; thresholds and learning rate are our choice.",
    )
    of_run = f"Scale of the run {water['scale']!r}."
    count = {name: table.samples.iloc[0] for name, table in accuracy.items()}
    ours |= {
        f"training windows on {metal}(111)": (water["training_samples"], None, of_run),
        f"validation windows on {metal}(111)": (count["validation"], count["test"], of_run),
        "training epochs": (water["training"]["epochs"], None, of_run),
        "test windows on Pt(111)": (None, count["pt_test"], of_run),
        "training windows on Pt(111)": (cards["pt"]["training_samples"], None, of_run),
        "training hydrates": (cards["hydrates"]["training_samples"], None, of_run),
        "validation hydrates": (count["simple_hydrates"], None, of_run),
        "complex hydrates": (None, count["complex_hydrates"], of_run),
        "training epochs on hydrates": (_epochs(cards["hydrates"]), None, of_run),
    }
    on_random = accuracy["random"]
    random = {
        f"{NAMES[symbol]} accuracy on {metal}(111), validation": 100 * on_random.accuracy[symbol] for symbol in "OH"
    }
    random[f"loss on {metal}(111), validation"] = on_random.loss.iloc[0]
    random[f"validation windows on {metal}(111)"] = count["random"]
    table = published[published.quantity.isin(ours)].copy()
    for place, name in enumerate(("ours", "test")):
        table.insert(3 + place, name, [ours[quantity][place] for quantity in table.quantity])
    table.insert(5, "random", table.quantity.map(random))
    table["scale"] = water["scale"]
    table["why_they_differ"] = [ours[quantity][2] for quantity in table.quantity]
    table.attrs["title"] = "Published numbers and ours"
    return table


def _about_water(card: dict, published: pd.DataFrame) -> str:
    theirs = published.set_index("quantity").published
    return (
        f"{card['training_samples']} windows of {card['window_pixels']} pixels and {card['training']['epochs']} "
        f"epochs of a network of {card['parameters'] / 1e6:.1f} million parameters, against "
        f"{theirs['training windows on Au(111)']:.0f} windows and {theirs['training epochs']:.0f} epochs. Our "
        "validation and test films are trajectories of their own, the paper's windows were drawn at random from the "
        "same films, as ours under `random`. The paper's matching radii are not published."
    )


def _about_hydrates(card: dict) -> str:
    return (
        f"Trained again on {card['training_samples']} hydrates for {_epochs(card):.3g} epochs, from the weights for "
        "water of this run. Structures, potentials and tip heights are ours. The paper's matching radii are not "
        "published."
    )


def _epochs(card: dict) -> float:
    """Passes that the steps of a training stand for."""
    training = card["training"]
    return training["steps"] * training["batch_size"] / card["training_samples"]
