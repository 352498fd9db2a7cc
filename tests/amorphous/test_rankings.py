"""Names of features, as printed and as the paper may have mistaken them, and where they rank."""

from itertools import chain

import numpy as np
import pandas as pd
import pytest

from icescope.amorphous.rankings import (
    PRINTED,
    RELABELLED,
    TURNED,
    feature_groups,
    pair_name,
    published_importance,
    published_ranks,
    read_name,
    top_features,
)
from icescope.amorphous.soap import DESCRIPTOR_SETS, features

PHASES = ("LDA", "MDA", "HDA")


def importance(descriptors: str) -> pd.DataFrame:
    """At random, each feature its own."""
    count = len(features(descriptors))
    rng = np.random.default_rng(1)
    return pd.DataFrame({pair: rng.permutation(count) / count for pair in ("0-1", "0-2", "1-2", "0-1-2")})


def test_pairs_have_the_names_of_their_phases():
    assert pair_name("0-2", PHASES) == "LDA-HDA"
    assert pair_name("0-1-2", PHASES) == "LDA-MDA-HDA"
    assert pair_name("0-1", ("LDA", "HDA")) == "LDA-HDA"


def test_published_table_is_whole():
    published = published_importance()
    assert (published.groupby(["model", "pair"])["rank"].agg(list).map(lambda ranks: ranks == [*range(1, 8)])).all()
    assert len(published) == 42
    falling = published.groupby(["model", "pair"]).importance.agg(lambda values: values.is_monotonic_decreasing)
    assert falling.all()
    for row in published.itertuples():
        assert read_name(row.feature, row.model)[PRINTED] in features(row.model)


def test_a_name_relabelled_is_the_feature_at_its_place_in_the_loops_of_the_paper():
    """for n1: for n2 >= n1: for l, counted by hand; DScribe has all pairs of n for l = 0 first."""
    place, at = 0, {}
    for n1 in range(8):
        for n2 in range(n1, 8):
            for l in range(9):  # noqa: E741
                at[f"OO_{n1}{n2}{l}"] = place
                place += 1
    assert place == 324
    known = features("O")
    for name, number in at.items():
        assert read_name(name, "O")[RELABELLED] == known[number]
    assert str(read_name("OO_000", "O")[RELABELLED]) == "OO_000"
    assert str(read_name("OO_008", "O")[RELABELLED]) == "OO_110"  # place 8: after the eight pairs of n1 = 0
    assert str(read_name("OO_022", "O")[RELABELLED]) == "OO_270"  # place 20: the last pair of n1 = 2


@pytest.mark.parametrize("descriptors", ["O", "O,H"])
def test_relabelling_is_one_to_one_and_stays_in_its_pair_of_species(descriptors):
    known = features(descriptors)
    names = [str(feature).replace("HO", "OH") for feature in known]
    read = [read_name(name, descriptors)[RELABELLED] for name in names]
    assert sorted(read) == sorted(known)
    assert all(one.pair == feature.pair for one, feature in zip(read, known, strict=True))


def test_oh_is_ho_with_either_first():
    readings = read_name("OH_256", "O,H")
    assert str(readings[PRINTED]) == "HO_256" and str(readings[TURNED]) == "HO_526"
    assert TURNED not in read_name("OH_556", "O,H") and TURNED not in read_name("HH_046", "O,H")


def test_top_features_are_the_largest_in_order():
    values = importance("O")
    top = top_features(values, "O", PHASES)
    assert top.pair.unique().tolist() == ["LDA-MDA", "LDA-HDA", "MDA-HDA", "LDA-MDA-HDA"]
    rows = top[top.pair == "LDA-HDA"]
    np.testing.assert_array_equal(rows.importance, np.sort(values["0-2"])[:-8:-1])
    assert rows["rank"].tolist() == list(range(1, 8))
    assert rows.feature.iloc[0] == str(features("O")[values["0-2"].argmax()])


@pytest.mark.parametrize("descriptors", ["O", "O,H"])
def test_ranks_count_the_features_above(descriptors):
    values = importance(descriptors)
    ranks = published_ranks(values, descriptors, PHASES)
    assert set(ranks.reading) == {PRINTED, RELABELLED} | ({TURNED} if descriptors == "O,H" else set())
    assert (ranks[ranks.reading == PRINTED].groupby("pair")["rank"].agg(list).map(len) == 7).all()
    column = {"LDA-MDA": "0-1", "LDA-HDA": "0-2", "MDA-HDA": "1-2"}
    for row in ranks.itertuples():
        above = (values[column[row.pair]] > row.our_importance).sum()
        assert row.our_rank == above + 1
        assert values[column[row.pair]][[str(one) for one in features(descriptors)].index(row.feature)] == (
            row.our_importance
        )


def test_of_two_phases_only_their_pair_has_ranks_and_a_set_without_a_table_has_none():
    ranks = published_ranks(importance("O")[["0-1"]], "O", ("LDA", "HDA"))
    assert ranks.pair.unique().tolist() == ["LDA-HDA"] and len(ranks) == 14
    assert published_ranks(importance("H-bond"), "H-bond", PHASES).empty


@pytest.mark.parametrize("descriptors", list(DESCRIPTOR_SETS))
def test_groups_hold_the_features_that_their_name_says(descriptors):
    known, groups = features(descriptors), feature_groups(descriptors)
    for kind, pick in (("l", lambda one: {one.l}), ("n", lambda one: {one.n1, one.n2})):
        named = {name: members for name, members in groups.items() if name.startswith(f"{kind} = ")}
        for name, members in named.items():
            assert members == [i for i, one in enumerate(known) if int(name.split(" = ")[1]) in pick(one)]
    blocks = [members for name, members in groups.items() if "=" not in name]
    assert sorted(chain.from_iterable(blocks)) == list(range(len(known)))
    assert ("OO" in groups) == (descriptors != "H-bond") and ("HH" in groups) == (descriptors != "O")
