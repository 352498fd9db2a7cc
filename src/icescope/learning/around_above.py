"""Scores of the waters around an ion and of those above it, apart (Tang et al. 2023, Results)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial.distance import cdist

from icescope.maps.scores import COUNTS, match
from icescope.structures.hydrate import waters_above

PLACES = "around", "above"


def count_around_above(predicted: Sequence[Atoms], true: Sequence[Atoms], radius: dict[str, float]) -> pd.DataFrame:
    """True and false positives and false negatives of O and H, by where the true water is.

    Atoms are matched laterally and one to one, all waters together. A wrong one counts against the place of the water
    whose oxygen is laterally nearest to it.

    Parameters
    ----------
    predicted
        Structures, A.
    true
        Hydrates wholly inside their windows, with an array "molecule".
    radius
        Matching radius of O and H, A.

    Returns
    -------
    Rows by (place, species), columns of COUNTS.
    """
    counts = np.zeros((len(PLACES), 2, len(COUNTS)), int)
    for found, there in zip(predicted, true, strict=True):
        above = waters_above(there).astype(int)
        oxygen = np.flatnonzero(there.numbers == 8)
        for species, symbol in enumerate("OH"):
            mine, theirs = (np.flatnonzero(np.array(one.get_chemical_symbols()) == symbol) for one in (found, there))
            i, j = match(found.positions[mine, :2], there.positions[theirs, :2], radius[symbol])
            wrong = np.delete(mine, i)
            nearest = cdist(found.positions[wrong, :2], there.positions[oxygen, :2]).argmin(1)
            places = above[theirs[j]], above[oxygen[nearest]], above[np.delete(theirs, j)]
            for column, place in enumerate(places):
                counts[:, species, column] += np.bincount(place, minlength=len(PLACES))
    rows = pd.MultiIndex.from_product([PLACES, ["O", "H"]], names=["place", "species"])
    return pd.DataFrame(counts.reshape(-1, len(COUNTS)), rows, list(COUNTS))
