"""Principal components of descriptors, and how well they separate the phases (Shupletsova, Stegailov 2026, table 3).

published_pca.csv holds the numbers of their table 3, and of section III.1 for (H-bond).
"""

from collections.abc import Sequence
from importlib.resources import files
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from icescope.amorphous.environments import Environments
from icescope.amorphous.phases import MODELS

ENOUGH = 0.95  # of the variance
POSITIVE = "HDA"  # whose centroid is positive in every component: the sign of a component means nothing


class Components(NamedTuple):
    """Principal components of one set of descriptors.

    `projection.transform` takes descriptors (n, features) to all components (n, components); `scores` (n, 2) are the
    first two of the molecules that it was fitted to, `phase` (n,) their phases by number, and `phases` the names.
    """

    projection: Pipeline
    scores: np.ndarray
    phase: np.ndarray
    phases: tuple[str, ...]


def principal_components(descriptors: np.ndarray, phase: np.ndarray, phases: Sequence[str]) -> Components:
    """Fit to standardised features, as the distances in the published table 3 show that they were.

    Parameters
    ----------
    descriptors, phase
        (n, features) and (n,) numbers of phases.
    phases
        Names of the phases, POSITIVE among them.
    """
    projection = make_pipeline(StandardScaler(), PCA(svd_solver="covariance_eigh"))
    scores = projection.fit_transform(np.asarray(descriptors, dtype=float))
    sign = np.where(scores[phase == list(phases).index(POSITIVE)].mean(0) < 0, -1.0, 1.0)
    projection[-1].components_ *= sign[:, None]
    return Components(projection, (scores * sign)[:, :2], np.asarray(phase), tuple(phases))


def components_of(environments: Environments, sets: Sequence[str]) -> dict[str, Components]:
    """Principal components of each set of descriptors, of LDA, MDA and HDA."""
    phase, names = environments.phase, MODELS["M3"]
    return {one: principal_components(environments.descriptors(one), phase, names) for one in sets}


def separation_accuracy(scores: np.ndarray, phase: np.ndarray) -> float:
    """Share of molecules (n,) that multinomial logistic regression on one component (n,) tells right.

    Of those that it was fitted to: with one feature there is nothing to overfit.
    """
    return LogisticRegression().fit(scores[:, None], phase).score(scores[:, None], phase)


def pca_metrics(components: Components) -> pd.Series:
    """Numbers of table 3 by name: shares of the variance, centroids, their distances, and separation accuracies."""
    shares = components.projection[-1].explained_variance_ratio_
    scores, phase, phases = components.scores, components.phase, components.phases
    centre = {name: scores[phase == number].mean(0) for number, name in enumerate(phases)}
    values = {"PC1 variance": shares[0], "PC2 variance": shares[1], "PC1+PC2 variance": shares[:2].sum()}
    values["components for 95% variance"] = int(np.searchsorted(np.cumsum(shares), ENOUGH)) + 1
    for name in reversed(phases):
        values |= {f"{name} centroid, PC{number}": value for number, value in enumerate(centre[name], start=1)}
    for one, other in combinations(phases, 2):
        values[f"{one}-{other} distance"] = np.linalg.norm(centre[one] - centre[other])
    for number in (1, 2):
        values[f"PC{number} separation accuracy"] = separation_accuracy(scores[:, number - 1], phase)
    return pd.Series(values, dtype=float)


def table3(results: dict[str, Components]) -> pd.DataFrame:
    """Each number of table 3 beside the published one, where there is one.

    Parameters
    ----------
    results
        By set of descriptors: "O", "O,H", "H-bond".

    Returns
    -------
    Columns model (the set), metric, published, ours, note.
    """
    published = pd.read_csv(str(files("icescope.amorphous") / "published_pca.csv"), keep_default_na=False)
    published["published"] = published.published.astype(float)
    ours = [
        pca_metrics(components).rename("ours").rename_axis("metric").reset_index().assign(model=model)
        for model, components in results.items()
    ]
    table = pd.concat(ours, ignore_index=True).merge(published, on=["model", "metric"], how="left")
    table.attrs["title"] = "Principal components of the descriptors: published numbers and ours"
    return table[["model", "metric", "published", "ours", "note"]].fillna({"note": ""})
