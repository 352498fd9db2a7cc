"""What a classifier of amorphous ice must beat: shuffled phases, mixtures of two ices, and simple order parameters."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.order import best_threshold
from icescope.amorphous.phases import INTERMEDIATE, assign

SHUFFLED = "shuffled"  # in place of a seed: the classifier learnt from `shuffled_phases`
DRAWN = 2000  # pairs of molecules of a mixture
BLEND, MOLECULES = "blend", "molecules"  # kinds of mixture


def shuffled_phases(phase: np.ndarray, parts: dict[str, Sequence[int]], seed: int) -> np.ndarray:
    """Phases (n,) to train on for the null: permuted within each part but "test", whose true ones judge.

    A classifier trained on them is right in one of as many cases as there are phases, on average over seeds; a single
    one may be off by more than the binomial error, because molecules of a phase are alike and are guessed alike.
    Validation is permuted too: early stopping and calibration learn from it.
    """
    rng = np.random.default_rng(seed)
    shuffled = np.array(phase)
    for part, index in parts.items():
        if part != "test":
            shuffled[np.asarray(index)] = rng.permutation(shuffled[np.asarray(index)])
    return shuffled


def mixture_null(
    classifier: PhaseClassifier,
    lda: np.ndarray,
    hda: np.ndarray,
    shares: Sequence[float],
    thresholds: Sequence[float],
    seed: int,
) -> pd.DataFrame:
    """What a classifier of two phases makes of mixtures in which there is no intermediate ice.

    - BLEND: every molecule's descriptors are (1 - w) times those of a random LDA molecule and w times those of a random
      HDA one: how much a smooth path between the two is called IA.
    - MOLECULES: a share w of the molecules are of pure HDA and all others of pure LDA: how often the classifier is
      uncertain though there are no interfaces.

    Parameters
    ----------
    lda, hda
        (molecules, features) of pure ices that the classifier has not learnt from.
    shares
        w, from 0 to 1.
    thresholds
        Of the probability, see `phases.assign`.

    Returns
    -------
    Rows by kind, share and threshold; columns kind, share, threshold, and LDA, HDA and IA, fractions of the DRAWN
    molecules.
    """
    rng = np.random.default_rng(seed)
    low, high = lda[rng.integers(len(lda), size=DRAWN)], hda[rng.integers(len(hda), size=DRAWN)]
    pure = [classifier.probabilities(one) for one in (low, high)]
    rank = rng.permutation(DRAWN)  # who becomes HDA first, the same at every threshold
    rows = []
    for share in shares:
        blend = classifier.probabilities((1 - share) * low + share * high)
        molecules = np.where((rank < share * DRAWN)[:, None], pure[1], pure[0])
        for kind, probabilities in {BLEND: blend, MOLECULES: molecules}.items():
            for threshold in thresholds:
                phase = assign(probabilities, threshold)
                row = {"kind": kind, "share": share, "threshold": threshold}
                numbers = {"LDA": 0, "HDA": 1, "IA": INTERMEDIATE}
                rows.append(row | {name: (phase == number).mean() for name, number in numbers.items()})
    return pd.DataFrame(rows).sort_values(["kind", "share", "threshold"], ignore_index=True)


def baselines(order: dict[str, np.ndarray], phase: np.ndarray, parts: dict[str, Sequence[int]]) -> pd.DataFrame:
    """How well a threshold of one order parameter tells each pair of phases apart.

    The threshold, and which of the phases is above it, are chosen on the part "train" and judged on the part "test".

    Parameters
    ----------
    order
        (n,) each, see `order.order_parameters`.
    phase
        (n,) numbers.

    Returns
    -------
    Columns parameter, pair (numbers of the phases, such as "0-2"), threshold, above (number of the phase above it),
    training_accuracy, accuracy, molecules (of the test part).
    """
    train, test = np.asarray(parts["train"]), np.asarray(parts["test"])
    rows = []
    for name, values in order.items():
        for pair in combinations(np.unique(phase).tolist(), 2):
            seen, unseen = (part[np.isin(phase[part], pair)] for part in (train, test))
            threshold, reached = best_threshold(values[seen], phase[seen] == pair[1])
            right = (values[seen] > threshold) == (phase[seen] == pair[1])
            above = pair[1] if right.mean() >= 0.5 else pair[0]
            accuracy = ((values[unseen] > threshold) == (phase[unseen] == above)).mean()
            row = {"parameter": name, "pair": "-".join(map(str, pair)), "threshold": threshold, "above": above}
            rows.append(row | {"training_accuracy": reached, "accuracy": accuracy, "molecules": len(unseen)})
    return pd.DataFrame(rows)
