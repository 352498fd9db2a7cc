"""Waters around and above an ion: each atom counts once, in the place of its water, wrong ones in the nearest's."""

import numpy as np
import pytest
from ase import Atoms

from icescope.errors import InputError
from icescope.learning.around_above import count_around_above
from icescope.maps.scores import COUNTS
from icescope.structures.hydrate import ABOVE, waters_above

RADIUS = {"O": 0.74, "H": 0.528, "Na": 0.74}
# A flat water east of the ion, one west of it, and one above it.
WATERS = np.array(
    [
        [[2.4, 0, -0.2], [3.0, 0.8, -0.2], [3.0, -0.8, -0.2]],
        [[-2.4, 0, 0.9], [-3.0, 0.8, 0.9], [-3.0, -0.8, 0.9]],
        [[0.3, 0, 2.3], [0.3, 0.8, 2.9], [0.3, -0.8, 2.9]],
    ]
)


def hydrate(ion="Na", high=2.3):
    waters = WATERS.copy()
    waters[2, :, 2] += high - 2.3
    atoms = Atoms([ion, *"OHH" * 3], np.concatenate([[[0, 0, 0]], waters.reshape(-1, 3)]) + [12, 12, 3])
    atoms.set_array("molecule", np.array([0, 1, 1, 1, 2, 2, 2, 3, 3, 3]))
    atoms.set_array("pose", np.full(10, "", dtype="<U4"))
    return atoms


def test_a_water_is_above_by_the_height_of_its_oxygen_over_the_ion():
    assert waters_above(hydrate()).tolist() == [False] * 7 + [True] * 3
    assert waters_above(hydrate(high=ABOVE + 0.01)).sum() == 3
    assert waters_above(hydrate(high=ABOVE - 0.01)).sum() == 0  # its hydrogens are above the bound, it is not
    lifted = hydrate("K")
    lifted.positions[:, 2] += 5  # heights count from the ion
    assert waters_above(lifted).tolist() == [False] * 7 + [True] * 3


@pytest.mark.parametrize("keep", [slice(1, None), [0, 0, 1, 2, 3]])
def test_one_ion_is_needed(keep):
    with pytest.raises(InputError, match="around or above one ion, but this structure has"):
        waters_above(hydrate()[keep])


def test_a_faultless_prediction_has_every_atom_right_in_its_place():
    counts = count_around_above([hydrate()] * 2, [hydrate()] * 2, RADIUS)
    assert counts.true_positive.to_dict() == {
        ("around", "O"): 4,
        ("around", "H"): 8,
        ("above", "O"): 2,
        ("above", "H"): 4,
    }
    assert (counts[["false_positive", "false_negative"]] == 0).all(axis=None)


def test_missed_and_wrong_atoms_count_in_the_place_of_their_water():
    found = hydrate()
    found.positions[1, :2] += [0, 2.0]  # oxygen of the eastern water; there it is nearest to that water still
    found = found[[i for i in range(10) if i != 8]]  # a hydrogen of the water above
    found += Atoms("H", [[12.3, 14.0, 5]])  # and one made up nearest to the water above
    counts = count_around_above([found], [hydrate()], RADIUS)
    assert counts.loc[("around", "O"), list(COUNTS)].tolist() == [1, 1, 1]
    assert counts.loc[("above", "H"), list(COUNTS)].tolist() == [1, 1, 1]
    assert counts.loc[("around", "H"), list(COUNTS)].tolist() == [4, 0, 0]
    assert counts.loc[("above", "O"), list(COUNTS)].tolist() == [1, 0, 0]


def test_an_empty_prediction_misses_everything():
    counts = count_around_above([hydrate()[:0]], [hydrate()], RADIUS)
    assert counts.false_negative.tolist() == [2, 4, 1, 2] and counts.true_positive.sum() == 0
