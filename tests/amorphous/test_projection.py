"""A layer of MDA and a mixture of LDA and HDA have the same mean; their distributions tell them apart."""

import numpy as np
import pytest

from icescope.amorphous.projection import MIXTURE, compare_layers, densities, overlap, separation

CENTRES = {"LDA": -7.0, "MDA": 0.0, "HDA": 7.0}
SPREAD = 2.5


def molecules(phase: str, count: int, seed: int) -> np.ndarray:
    """Three components, of which the second tells the phases apart."""
    values = np.random.default_rng(seed).normal(scale=[6, SPREAD, 1], size=(count, 3))
    return values + [0, CENTRES[phase], 0]


TRAINING = {phase: molecules(phase, 3000, seed) for seed, phase in enumerate(CENTRES)}
SLABS = {"I": molecules("LDA", 500, 10), "III": molecules("HDA", 500, 11)}
OF_MDA = {**SLABS, "II": molecules("MDA", 500, 12)}
MIXED = {**SLABS, "II": np.concatenate([molecules("LDA", 250, 13), molecules("HDA", 250, 14)])}


def test_mda_and_a_mixture_are_told_apart():
    for layers, alike, other in ((OF_MDA, "overlap MDA", "overlap mixture"), (MIXED, "overlap mixture", "overlap MDA")):
        row = compare_layers(TRAINING, layers, 2).loc["II"]
        assert abs(row["mean"]) < 1  # the same of both
        assert row["to MDA"] < 1 < row["to LDA"]
        assert row[alike] > 0.9 and row[other] < 0.5
    deviations = [compare_layers(TRAINING, layers, 2).deviation["II"] for layers in (OF_MDA, MIXED)]
    assert deviations[0] == pytest.approx(SPREAD, rel=0.1)
    assert deviations[1] == pytest.approx(np.hypot(SPREAD, 7), rel=0.1)


def test_slabs_lie_on_their_phases():
    table = compare_layers(TRAINING, OF_MDA, 2)
    assert table["overlap LDA"]["I"] > 0.92 < table["overlap HDA"]["III"]
    assert table["overlap HDA"]["I"] < 0.05
    np.testing.assert_allclose(np.diag(table.loc[list(CENTRES), [f"overlap {one}" for one in CENTRES]]), 1)


def test_the_mixture_is_half_of_each_slab():
    low, high = SLABS["I"][:, 1], SLABS["III"][:, 1]
    row = compare_layers(TRAINING, MIXED, 2).loc[MIXTURE]
    assert row["mean"] == pytest.approx(np.concatenate([low, high]).mean())
    assert row.deviation == pytest.approx(np.concatenate([low, high]).std(ddof=1), rel=1e-2)
    uneven = {**OF_MDA, "III": OF_MDA["III"][:100]}  # however many there are
    place, found = densities(TRAINING, uneven, 2)
    assert found[MIXTURE][place < 0].sum() / found[MIXTURE].sum() == pytest.approx(0.5, abs=0.02)


def test_densities_are_of_one_molecule():
    place, found = densities(TRAINING, OF_MDA, 1)
    np.testing.assert_allclose(found.sum() * (place[1] - place[0]), 1, atol=1e-3)
    assert (found >= 0).all(axis=None)


def test_overlaps():
    flat = np.array([0.0, 1, 1, 0, 0])
    assert overlap(flat, flat) == 1
    assert overlap(flat, np.roll(flat, 1)) == 0.5
    assert overlap(flat, np.roll(flat, 2)) == 0


def test_the_component_that_separates_the_phases_is_found():
    shares = separation(TRAINING)
    assert shares.idxmax() == 2 and shares.index.tolist() == [1, 2, 3]
    assert shares[2] == pytest.approx(0.892, abs=0.02)  # (1 + 4 Phi(3.5 / 2.5) - 2) / 3
    assert shares[3] < 0.4
