"""The reproduction table: each published number, ours, the scale of the run, and why they differ."""

from importlib.resources import files

import pandas as pd


def reproduction_table(card: dict, accuracy: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row for each number of published.csv that this run has a value for.

    Parameters
    ----------
    card
        Of the weights.
    accuracy
        By split ("validation", "test"): table by species, see `learning.evaluation.evaluate`.

    Returns
    -------
    Columns row, quantity, published, ours, test, unit, scale, why_they_differ, source; `test` is ours on the films
    that no choice was made on.
    """
    published = pd.read_csv(str(files("icescope.figures") / "published.csv"))
    theirs = published.set_index("quantity").published
    validation, test = accuracy["validation"], accuracy["test"]
    metal = card["metal"]
    ours = {
        f"loss on {metal}(111), validation": (validation.loss.iloc[0], test.loss.iloc[0]),
        f"oxygen accuracy on {metal}(111), validation": (100 * validation.accuracy["O"], 100 * test.accuracy["O"]),
        f"hydrogen accuracy on {metal}(111), validation": (100 * validation.accuracy["H"], 100 * test.accuracy["H"]),
        f"training windows on {metal}(111)": (card["training_samples"], None),
        f"validation windows on {metal}(111)": (validation.samples.iloc[0], test.samples.iloc[0]),
        "training epochs": (card["training"]["epochs"], None),
    }
    why = {
        "loss": "Colours, disc radii and pixel size of the map are ours, so the loss has another scale.",
        "accuracy": (
            f"{card['training_samples']} windows of {card['window_pixels']} pixels and {card['training']['epochs']} "
            f"epochs of a network of {card['parameters'] / 1e6:.1f} million parameters, against "
            f"{theirs['training windows on Au(111)']:.0f} windows and {theirs['training epochs']:.0f} epochs. Our "
            "validation films are trajectories of their own, the paper's windows were drawn at random from the same "
            "films. The paper's matching radii are not published."
        ),
        "windows": f"Scale of the run {card['scale']!r}.",
        "epochs": f"Scale of the run {card['scale']!r}.",
    }
    table = published[published.quantity.isin(ours)].copy()
    table.insert(3, "ours", [ours[quantity][0] for quantity in table.quantity])
    table.insert(4, "test", [ours[quantity][1] for quantity in table.quantity])
    table["scale"] = card["scale"]
    table["why_they_differ"] = [next(text for word, text in why.items() if word in q) for q in table.quantity]
    table.attrs["title"] = "Published numbers and ours"
    return table
