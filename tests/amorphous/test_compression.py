"""Compression of LDA: fractions, kinds of intermediate molecules and clusters, and what is read off them."""

import numpy as np
import pandas as pd
import pytest
from nuclei import TRANSITION, compression

from icescope.amorphous.compression import (
    MAIN,
    THRESHOLDS,
    compression_summary,
    compression_table,
    intermediate_peaks,
    likeliest_fractions,
    smooth,
)
from icescope.errors import InputError
from icescope.structures.ice import ice_ih

PHASES = ("LDA", "MDA", "HDA")


@pytest.fixture(scope="module")
def run():
    return compression(frames=41, repeats=(4, 4, 4), seed=1)


@pytest.fixture(scope="module")
def table(run):
    return compression_table(run["two"], run["positions"], run["cells"], run["pressures"])


@pytest.fixture(scope="module")
def by_three(run):
    return likeliest_fractions(run["three"], run["pressures"], PHASES)


def test_every_molecule_is_counted_once(table):
    assert len(table) == 41 * len(THRESHOLDS)
    np.testing.assert_allclose(table[["LDA", "HDA", "IA"]].sum(axis=1), 1)
    np.testing.assert_allclose(table[["interfacial", "isolated", "other"]].sum(axis=1), table.IA, atol=1e-12)
    assert (table.largest_HDA <= table.HDA * table.molecules + 1e-9).all()
    assert ((table.HDA_clusters == 0) == (table.HDA == 0)).all()


def test_a_stricter_threshold_has_more_intermediate_molecules(table):
    fractions = table.pivot(index="frame", columns="threshold", values="IA")
    assert (np.diff(fractions[list(THRESHOLDS)], axis=1) >= 0).all()


def test_largest_fraction_of_intermediate_molecules_is_known_at_each_threshold(table):
    peaks = intermediate_peaks(table)
    assert list(peaks.index) == list(THRESHOLDS)
    assert (np.diff(peaks.largest_IA) >= 0).all()
    assert peaks.pressure[MAIN] == pytest.approx(TRANSITION, abs=0.05)


def test_density_is_mass_over_volume():
    """Ideal ice of the default density, and that of the same molecules in a cell half as long."""
    ice = ice_ih((2, 2, 2), seed=1)
    oxygens = ice[ice.symbols == "O"]
    probabilities = np.tile([1.0, 0.0], (2, 128, 1))
    cells = np.array([oxygens.cell[:], oxygens.cell[:] * [[1], [1], [0.5]]])
    positions = np.array([oxygens.positions, oxygens.positions * [1, 1, 0.5]])
    found = compression_table(probabilities, positions, cells, np.array([0, 1]), [MAIN])
    np.testing.assert_allclose(found.density, [0.930, 1.860], rtol=1e-3)


def test_a_crystal_by_hand():
    """Ice with one HDA molecule, of LDA otherwise, and an intermediate one beside it or far away."""
    ice = ice_ih((3, 3, 3), seed=1)
    oxygens = ice[ice.symbols == "O"]
    distance = oxygens.get_distances(0, range(len(oxygens)), mic=True)
    near, far = int(np.argsort(distance)[1]), int(distance.argmax())
    probabilities = np.tile([0.99, 0.01], (1, len(oxygens), 1))
    probabilities[0, 0] = [0.02, 0.98]
    probabilities[0, [near, far]] = [0.5, 0.5]
    row = compression_table(probabilities, oxygens.positions[None], oxygens.cell[:][None], np.zeros(1), [MAIN]).iloc[0]
    one = 1 / len(oxygens)
    assert (row.HDA, row.IA, row.interfacial, row.isolated, row.other) == pytest.approx((one, 2 * one, one, one, 0))
    assert (row.largest_HDA, row.largest_IA, row.HDA_clusters, row.IA_clusters) == (1, 1, 1, 2)


def test_growing_nuclei_have_intermediate_molecules_at_their_surface(table):
    main = table[table.threshold == MAIN].set_index("pressure")
    peak = main.loc[TRANSITION - 0.1 : TRANSITION + 0.1].mean()
    assert peak.interfacial > peak.isolated
    assert main.HDA.iloc[0] < 0.01 and main.LDA.iloc[-1] < 0.01


def test_summary_finds_the_transition(table, by_three):
    summary = compression_summary(table, by_three).set_index("quantity")
    ours = summary.ours
    assert ours["LDA at 0.5 GPa"] > 0.6 and ours["HDA at 0.5 GPa"] < 0.2
    crossing, peak = ours["pressure at which LDA and HDA are equal"], ours["pressure of the largest IA fraction"]
    assert crossing == pytest.approx(TRANSITION, abs=0.1) and peak == pytest.approx(crossing, abs=0.1)
    assert ours["pressure of the most HDA clusters"] < crossing  # before they merge
    assert ours["interfacial part of it"] > ours["isolated part of it"]
    assert peak < ours["pressure from which one cluster holds 95% of HDA"] < 1.2
    assert summary.published["pressure of the largest IA fraction"] == 0.69
    assert summary.published["MDA by the classifier of three phases"] == 0.7
    assert ours.notna().all() and set(summary.unit) == {"1", "GPa", "molecules"}


def test_the_maximum_is_that_of_the_curve_and_not_of_its_noise():
    """A peak of 0.3 with noise of 0.05 on each frame: the largest frame is too high, and 0.1 GPa off in one of many."""
    pressures = np.linspace(0, 1.6, 321)
    curve = 0.3 * np.exp(-(((pressures - 0.69) / 0.2) ** 2))
    rng = np.random.default_rng(2)
    found, largest = [], []
    for _ in range(40):
        noisy = curve + rng.normal(scale=0.05, size=321)
        smoothed = smooth(pressures, noisy, pressures)
        found.append((pressures[smoothed.argmax()], smoothed.max()))
        largest.append(noisy.max())
    at, height = np.mean(found, axis=0)
    assert at == pytest.approx(0.69, abs=0.02) and np.std(found, axis=0)[0] < 0.05
    assert height == pytest.approx(0.3, abs=0.02) and np.mean(largest) > 0.35


def test_smoothing_keeps_constants_and_bridges_gaps():
    pressures = np.array([0.0, 0.01, 0.02, 3.0])
    np.testing.assert_allclose(smooth(pressures, np.full(4, 0.4), np.linspace(0, 3, 50)), 0.4)
    assert smooth(pressures, np.array([0, 0, 0, 1.0]), np.array([3.0])) == pytest.approx(1, abs=0.2)


def test_what_a_compression_does_not_reach_is_empty(run, table, by_three):
    short = table.pressure < 0.45
    ours = compression_summary(table[short], by_three[by_three.pressure < 0.45]).set_index("quantity").ours
    assert np.isnan(ours["LDA at 0.5 GPa"]) and np.isnan(ours["pressure at which LDA and HDA are equal"])
    assert np.isnan(ours["pressure from which one cluster holds 95% of HDA"])


def test_the_likeliest_of_three(by_three):
    np.testing.assert_allclose(by_three[list(PHASES)].sum(axis=1), 1)
    hand = likeliest_fractions(np.array([[[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]]), np.array([0.3]), PHASES)
    pd.testing.assert_frame_equal(hand, pd.DataFrame({"pressure": [0.3], "LDA": [0.5], "MDA": [0.0], "HDA": [0.5]}))


def test_the_main_threshold_is_needed(table, by_three):
    with pytest.raises(InputError, match="not known at the threshold 0.95; give it among the thresholds"):
        compression_summary(table[table.threshold < 0.9], by_three)
