"""Permutation importance: what accuracy a classifier loses when a feature is shuffled (Altmann et al. 2010)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from icescope.amorphous.classifier import PhaseClassifier

REPEATS = 3  # see `permutation_importance`: worth some seven independent permutations


@torch.no_grad()
def permutation_importance(
    classifier: PhaseClassifier,
    descriptors: np.ndarray,
    phase: np.ndarray,
    groups: Sequence[Sequence[int]],
    seed: int,
    repeats: int = REPEATS,
) -> pd.DataFrame:
    """Accuracy lost for each pair of phases when the features of a group are shuffled together.

    I = accuracy - mean over repeats of the accuracy after shuffling (Shupletsova and Stegailov 2026, section II.C),
    among the molecules of the pair, shuffled among themselves, and among the three phases.

    Two things make it fast. The first layer is linear: a shuffled group changes its output by the group's columns times
    what the features change by, a product of the group's size and not of all features. And the molecules that lend
    their values in the repeats are spread evenly over all, in the order of the group's first feature: each repeat is a
    permutation drawn like any other, but together they cover the feature's distribution, so that a few repeats are as
    exact as many independent ones.

    Parameters
    ----------
    descriptors, phase
        (n, features) and (n,) of test molecules.
    groups
        Features of each group: [[0], [1], ...] for each on its own.
    repeats
        Permutations of each group.

    Returns
    -------
    Rows by group, columns by pair of phases, such as "0-1", and by all, such as "0-1-2".
    """
    classifier.eval()
    rng = np.random.default_rng(seed)
    first, *rest = classifier.layers
    x = (torch.as_tensor(descriptors, dtype=torch.float32) - classifier.mean) / classifier.deviation
    phases = sorted(set(np.asarray(phase).tolist()))
    sets = list(combinations(phases, 2)) + ([tuple(phases)] if len(phases) > 2 else [])
    columns = {}
    for chosen in sets:
        index = np.flatnonzero(np.isin(phase, chosen))
        mine, truth = x[index], torch.as_tensor(np.asarray(phase)[index])
        before = first(mine)
        allowed = torch.as_tensor(chosen)

        def right(hidden: Tensor, truth: Tensor = truth, allowed: Tensor = allowed) -> float:
            """Share of right molecules, of the output of the first layer."""
            for layer in rest:
                hidden = layer(hidden)
            return float((allowed[hidden[:, allowed].argmax(1)] == truth).float().mean())

        base, lost = right(before), []
        for group in groups:
            own, weight = mine[:, list(group)], first.weight[:, list(group)].T
            lenders = _lenders(own[:, 0].numpy(), repeats, rng)
            after = [right(torch.addmm(before, own[lender] - own, weight)) for lender in lenders]
            lost.append(base - np.mean(after))
        columns["-".join(map(str, chosen))] = lost
    return pd.DataFrame(columns)


def _lenders(values: np.ndarray, repeats: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Permutations, as many as repeats: whose value each molecule gets."""
    count = len(values)
    order = rng.permutation(count)
    order = order[np.argsort(values[order], kind="stable")]  # equal values in any order
    start = rng.permutation(count)  # each molecule's place in the first repeat
    steps = (np.arange(repeats) * count) // repeats
    return [order[(start + step) % count] for step in steps]
