"""Principal components of clouds whose axes, centroids and overlap are known."""

import numpy as np
import pytest
from scipy.stats import norm

from icescope.amorphous.pca import pca_metrics, principal_components, table3

PHASES = ("LDA", "MDA", "HDA")
COUNT = 4000  # of each phase
APART = 3.0


@pytest.fixture(scope="module")
def cloud() -> tuple[np.ndarray, np.ndarray]:
    """Forty features of wildly different units: 20 follow the phase, 12 another quantity, 8 are noise."""
    rng = np.random.default_rng(1)
    phase = np.repeat([0, 1, 2], COUNT)
    progress = rng.normal(size=3 * COUNT) - APART * (phase - 1)  # falls from LDA to HDA
    other = rng.normal(size=3 * COUNT)
    columns = np.concatenate([np.tile(progress, (20, 1)), np.tile(other, (12, 1)), np.zeros((8, 3 * COUNT))]).T
    noise = rng.normal(scale=[0.2] * 32 + [1.0] * 8, size=columns.shape)
    return (columns + noise) * 10.0 ** rng.uniform(-4, 4, 40) + 5, phase


@pytest.fixture(scope="module")
def components(cloud):
    return principal_components(*cloud, PHASES)


def test_variance_and_components_of_known_axes(components):
    metrics = pca_metrics(components)
    assert metrics["PC1 variance"] == pytest.approx(20 / 40, abs=0.01)  # standardised: each feature has variance 1
    assert metrics["PC2 variance"] == pytest.approx(12 / 40, abs=0.02)
    assert metrics["PC1+PC2 variance"] == metrics["PC1 variance"] + metrics["PC2 variance"]
    shares = components.projection[-1].explained_variance_ratio_
    count = int(metrics["components for 95% variance"])
    assert shares[: count - 1].sum() < 0.95 <= shares[:count].sum()


def test_hda_is_positive_and_centroids_are_in_units_of_standardised_features(components):
    metrics = pca_metrics(components)
    assert metrics["HDA centroid, PC1"] > 0 and metrics["HDA centroid, PC2"] >= 0
    spread = np.sqrt(1 + 2 / 3 * APART**2)  # of the quantity over all phases
    expected = np.sqrt(20) * APART / spread
    assert metrics["HDA centroid, PC1"] == pytest.approx(expected, rel=0.03)
    assert metrics["LDA centroid, PC1"] == pytest.approx(-expected, rel=0.03)
    assert metrics["LDA-HDA distance"] == pytest.approx(2 * expected, rel=0.03)
    assert metrics["LDA-MDA distance"] == pytest.approx(metrics["MDA-HDA distance"], rel=0.05)


def test_separation_accuracy_is_that_of_the_best_thresholds_and_chance_where_there_is_nothing(components):
    """Three unit normal distributions APART: (2 Phi(d / 2) + 2 Phi(d / 2) - 1) / 3."""
    metrics = pca_metrics(components)
    within = norm.cdf(APART / 2)
    assert metrics["PC1 separation accuracy"] == pytest.approx((2 * within + 2 * within - 1) / 3, abs=0.01)
    assert metrics["PC2 separation accuracy"] == pytest.approx(1 / 3, abs=0.03)


def test_others_are_projected_as_those_it_was_fitted_to(cloud, components):
    np.testing.assert_allclose(components.projection.transform(cloud[0][:9])[:, :2], components.scores[:9])


def test_units_and_the_order_of_molecules_do_not_matter(cloud, components):
    order = np.random.default_rng(2).permutation(len(cloud[1]))
    again = principal_components(cloud[0][order] * np.arange(1, 41), cloud[1][order], PHASES)
    np.testing.assert_allclose(again.scores[:, 0], components.scores[order, 0], atol=1e-8)


def test_table_has_published_numbers_where_there_are_some(components):
    table = table3({"O": components, "O,H": components, "H-bond": components})
    values = table.set_index(["model", "metric"])
    assert len(table) == 3 * 15
    assert values.published["O", "LDA-HDA distance"] == 14.53
    assert values.published["O,H", "components for 95% variance"] == 66
    assert values.published["H-bond"].dropna().to_dict() == {"components for 95% variance": 54}
    assert values.published[["O", "O,H"]].notna().all()
    swapped = [("O", "PC2 separation accuracy", 0.3573, "0.387"), ("O,H", "PC1 separation accuracy", 0.387, "0.357")]
    for model, metric, number, in_text in swapped:
        assert values.published[model, metric] == number and in_text in values.note[model, metric]
    assert table.attrs["title"]


def test_published_distances_are_those_of_the_published_centroids(components):
    """Their table agrees with itself to the last digit: nothing was copied wrong."""
    published = table3({"O": components, "O,H": components}).set_index(["model", "metric"]).published
    for model in ("O", "O,H"):
        centre = {one: np.array([published[model, f"{one} centroid, PC{n}"] for n in (1, 2)]) for one in PHASES}
        for pair in ("LDA-HDA", "LDA-MDA", "MDA-HDA"):
            one, other = pair.split("-")
            distance = np.linalg.norm(centre[one] - centre[other])
            assert distance == pytest.approx(published[model, f"{pair} distance"], abs=0.011)
