"""Most important features: the bars are the table, and published ranks stand at the features that they mean."""

import numpy as np
import pandas as pd
import pytest

from icescope.amorphous.rankings import published_ranks, top_features
from icescope.amorphous.soap import features
from icescope.figures.amorphous_table2 import draw_table2

PHASES = ("LDA", "MDA", "HDA")
MODELS = ("O", "O,H", "H-bond")


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Importances that fall with n and l, and a known order for HDA against LDA in (O)."""
    rng = np.random.default_rng(1)
    top, published = [], []
    for model in MODELS:
        fall = np.array([0.07 * 0.8 ** (one.n1 + one.n2 + one.l) for one in features(model)])
        names = [str(one) for one in features(model)]
        values = pd.DataFrame({pair: fall * rng.uniform(0.4, 1, len(fall)) for pair in ("0-1", "0-2", "1-2", "0-1-2")})
        if model == "O":  # OO_008 is printed, and OO_110 what it means if l was counted fastest
            for rank, name in enumerate(["OO_000", "OO_110", "OO_333", "OO_008"]):
                values.loc[names.index(name), "0-2"] = 0.5 - 0.05 * rank
        top.append(top_features(values, model, PHASES))
        published.append(published_ranks(values, model, PHASES))
    return pd.concat(top), pd.concat(published)


def test_bars_are_the_importances_with_the_best_at_the_top(tables):
    top, published = tables
    figure = draw_table2(top, published)
    panels = figure.axes
    assert len(panels) == 9
    for row, model in enumerate(MODELS):
        for panel, pair in zip(panels[3 * row : 3 * row + 3], ("LDA-HDA", "LDA-MDA", "MDA-HDA"), strict=True):
            ours = top[(top.model == model) & (top.pair == pair)]
            lengths = [bar.get_width() for bar in panel.patches[:7]]
            np.testing.assert_allclose(lengths, ours.importance)
            assert [label.get_text() for label in panel.get_yticklabels()] == ours.feature.tolist()
            assert panel.get_ylim()[0] > panel.get_ylim()[1]
    assert panels[-1].get_xlabel() == "accuracy lost when shuffled"


def test_published_ranks_are_at_the_features_they_mean(tables):
    panel = draw_table2(*tables).axes[0]
    marks = [text.get_text() for text in panel.texts[:4]]
    assert marks == ["2", "1*", "", "1"]  # OO_000 is the same in both readings


def test_colours_tell_the_pairs_of_species(tables):
    panel = draw_table2(*tables).axes[3]
    names = [label.get_text()[:2] for label in panel.get_yticklabels()]
    colours = [bar.get_facecolor() for bar in panel.patches[:7]]
    assert len(set(zip(names, colours, strict=True))) == len(set(names)) > 1
