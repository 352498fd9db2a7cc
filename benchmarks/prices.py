"""The prices of the ice rules, one changed at a time: accuracy, molecules, donor swaps and broken rules.

    python benchmarks/prices.py

Takes the weights that ship and 70 windows of each validation film of the run "weights" (snakemake --cores 2
--configfile config/weights.yaml --until afm_stacks). Plain peaks, which have no prices, stand first; last, for several
values of the confidence that their hydrogens must have, those molecules alone that are settled. Writes
benchmarks/prices.csv.
"""

import torch
from machine import cores
from networks import ROOT, SEED, validation_windows

from icescope.cli import WEIGHTS
from icescope.learning import decoding
from icescope.learning.evaluation import all_scores, predict_maps
from icescope.learning.weights import load_weights
from icescope.maps import ice_rules

WINDOWS = 70  # of each film
WANTED = [("H", "accuracy"), ("molecule", "f1"), ("hydrogen bond", "swap_rate"), ("ice rules", "wrong_number")]
TRIED = [
    (ice_rules, "MISSING", (2.0, 3.0, 5.0, 6.0)),
    (ice_rules, "DOUBLE", (3.0, 9.0)),
    (ice_rules, "OUTSIDE", (1.0, 3.0)),
    (ice_rules, "ERROR", (0.2, 0.4)),
    (ice_rules, "REACH", (0.5, 0.9)),
    (decoding, "UNLIKELY", (0.01, 0.1)),
]
SURE = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)  # 0: what the rules settle is settled


def main() -> None:
    torch.set_num_threads(cores())
    network, card = load_weights(WEIGHTS)
    stacks = validation_windows(WINDOWS)
    maps, _ = predict_maps(network, card, stacks, SEED)
    found = decoding.candidates(maps, card["pixel_size"], card)
    ways = {"plain peaks": decoding.decode(found, card, rules=False), "as they are": decoding.decode(found, card)}
    for module, price, values in TRIED:
        usual = getattr(module, price)
        for value in values:
            setattr(module, price, value)
            ways[f"{price} {value:g}"] = decoding.decode(found, card)
        setattr(module, price, usual)
    chosen = decoding.choose_molecules(found, card)
    for value in SURE:
        decoding.SURE = value
        under_rules = [decoding.confidence_under_rules(one, card) for one in chosen]
        ways[f"settled, SURE {value:g}"] = [one[one.arrays["settled"]] for one in under_rules]
    scored = all_scores(ways, stacks, card, SEED).value
    scored = scored.unstack(["what", "score"])[WANTED]
    result = scored.set_axis([" ".join(name) for name in WANTED], axis=1).loc[list(ways)]
    result.to_csv(ROOT / "benchmarks" / "prices.csv", float_format="%.4g")
    print(result.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    main()
