"""The most important features for each pair of phases, and where the published ones stand.

published_importance.csv holds table 2 of Shupletsova and Stegailov 2026 (arXiv:2606.01401): seven features of M3(O) and
of M3(O,H) for each pair of phases, named as printed, with the accuracy that is lost when each is shuffled.
"""

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import pandas as pd

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.environments import Environments, split
from icescope.amorphous.importance import permutation_importance
from icescope.amorphous.soap import Feature, features

TOP = 7  # as many as table 2 of the paper has
PRINTED, RELABELLED, TURNED = "as printed", "l fastest", "OH with n1 of O"  # readings of a published name


def pair_name(column: str, phases: Sequence[str]) -> str:
    """Phases of a column of `permutation_importance`: "LDA-HDA" for "0-2" of LDA, MDA and HDA."""
    return "-".join(phases[int(number)] for number in column.split("-"))


def top_features(importance: pd.DataFrame, descriptors: str, phases: Sequence[str]) -> pd.DataFrame:
    """The TOP most important features of each pair of phases, and of all phases together.

    Parameters
    ----------
    importance
        From `permutation_importance` with each feature of the set on its own, in their order.
    descriptors
        Name in `soap.DESCRIPTOR_SETS`.
    phases
        Names of the classifier's outputs.

    Returns
    -------
    Rows by pair and rank; columns model (the set), pair, rank, feature, importance.
    """
    names = [str(feature) for feature in features(descriptors)]
    found = []
    for column in importance:
        best = importance[column].sort_values(ascending=False, kind="stable")[:TOP]
        columns = {"model": descriptors, "pair": pair_name(column, phases), "rank": range(1, len(best) + 1)}
        found.append(pd.DataFrame(columns | {"feature": [names[i] for i in best.index], "importance": best.to_numpy()}))
    return pd.concat(found, ignore_index=True)


def published_ranks(importance: pd.DataFrame, descriptors: str, phases: Sequence[str]) -> pd.DataFrame:
    """Where the published features of a model stand among ours, in each reading of their names.

    Arguments are those of `top_features`.

    Returns
    -------
    Rows by pair, published rank and reading; columns model, pair, rank, name, importance (as published), reading,
    feature (ours, that is meant), our_rank (from 1), our_importance. A set that table 2 leaves out has no rows.
    """
    known = features(descriptors)
    columns = {pair_name(column, phases): column for column in importance}
    ranks = importance.rank(ascending=False, method="min").astype(int)
    published = published_importance()
    published = published[(published.model == descriptors) & published.pair.isin(columns)]
    rows = []
    for row in published.itertuples():
        for reading, feature in read_name(row.feature, descriptors).items():
            place = known.index(feature), columns[row.pair]
            ours = {"feature": str(feature), "our_rank": ranks.at[place], "our_importance": importance.at[place]}
            theirs = {"model": row.model, "pair": row.pair, "rank": row.rank, "name": row.feature}
            rows.append(theirs | {"importance": row.importance, "reading": reading} | ours)
    names = ["model", "pair", "rank", "name", "importance", "reading", "feature", "our_rank", "our_importance"]
    return pd.DataFrame(rows, columns=names)


def published_importance() -> pd.DataFrame:
    """Table 2 of the paper: model, pair, rank, feature, importance."""
    return pd.read_csv(str(files("icescope.amorphous") / "published_importance.csv"))


def read_name(name: str, descriptors: str) -> dict[str, Feature]:
    """Features that a published name may mean, by reading.

    - PRINTED: XY_xyz is n1 = x, n2 = y, l = z. The paper writes OH for the pair that DScribe has as HO, whose n1 is of
      hydrogen.
    - RELABELLED: DScribe's power spectrum has l slowest within a pair of species. Who numbers it in loops over n1, n2
      and, innermost, l gives the number at place i the name that is at place i of the loops. This takes it back.
    - TURNED: OH with n1 of oxygen and n2 of hydrogen, where that is another feature.
    """
    pair, indices = name.split("_")
    printed = Feature("HO" if pair == "OH" else pair, *map(int, indices))
    true_order = [feature for feature in features(descriptors) if feature.pair == printed.pair]
    readings = {PRINTED: printed, RELABELLED: true_order[sorted(true_order).index(printed)]}
    if pair == "OH" and printed.n1 != printed.n2:
        readings[TURNED] = printed._replace(n1=printed.n2, n2=printed.n1)
    return readings


def feature_groups(descriptors: str) -> dict[str, list[int]]:
    """Numbers of the features that go together, by name, for `permutation_importance`.

    Each pair of species; each l; and each n, where a feature with two radial functions is in the groups of both.
    """
    groups: dict[str, list[int]] = {}
    kinds = (lambda one: [one.pair], lambda one: [f"l = {one.l}"], lambda one: {f"n = {one.n1}", f"n = {one.n2}"})
    for kind in kinds:
        found: dict[str, list[int]] = {}
        for number, feature in enumerate(features(descriptors)):
            for name in kind(feature):
                found.setdefault(name, []).append(number)
        groups |= dict(sorted(found.items()))
    return groups


def held_out_importance(
    classifier: PhaseClassifier, card: dict, environments: Environments, molecules: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Importance of features, and of groups of them, for the test part of the classifier's own split.

    Parameters
    ----------
    classifier, card
        From `phase_weights.load_classifier`; the card names the split.
    environments
        That it was trained on.
    molecules
        Of the test part, at most.

    Returns
    -------
    `top_features`, `published_ranks`, and the groups: columns model, group, features (how many), and the accuracy lost
    for each pair of phases and for all.
    """
    descriptors, phases = card["descriptors"], card["phases"]
    test = split(environments, card["split"], card["seed"])["test"]
    rng = np.random.default_rng(seed)
    test = np.sort(rng.choice(test, min(molecules, len(test)), replace=False))
    x, phase = environments.descriptors(descriptors)[test], environments.phase[test]
    each = permutation_importance(classifier, x, phase, [[number] for number in range(x.shape[1])], seed)
    groups = feature_groups(descriptors)
    lost = permutation_importance(classifier, x, phase, list(groups.values()), seed)
    lost = lost.rename(columns={column: pair_name(column, phases) for column in lost})
    lost.insert(0, "model", descriptors)
    lost.insert(1, "group", list(groups))
    lost.insert(2, "features", [len(members) for members in groups.values()])
    return top_features(each, descriptors, phases), published_ranks(each, descriptors, phases), lost
