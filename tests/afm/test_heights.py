"""Origins of heights: which atoms count, and what is said where there are none."""

import numpy as np
import pytest
from ase import Atoms

from icescope.afm.heights import ORIGINS, origin_height, window_origin_height
from icescope.errors import InputError


@pytest.fixture
def atoms():
    """Two molecules and an ion above two layers of gold."""
    z = [-2.4, 0.1, 2.0, 2.9, 1.5, 5.0, 5.5, 4.2, 6.0]
    xy = [[0, 0], [1, 0], [3, 3], [3, 4], [3, 2], [9, 9], [9, 8], [8, 9], [5, 5]]
    return Atoms("AuAuOHHOHHNa", np.column_stack([xy, z]))


@pytest.mark.parametrize(("origin", "height"), [("mean_oxygen", 3.5), ("top_oxygen", 5.0), ("substrate", 0.1)])
def test_origin_is_the_plane_that_it_names(atoms, origin, height):
    assert origin_height(atoms, origin) == pytest.approx(height)
    atoms.positions[:, 2] -= 7
    assert origin_height(atoms, origin) == pytest.approx(height - 7)


def test_of_a_window_only_the_oxygens_inside_count(atoms):
    size = [8.0, 8.0, 3.0]
    assert [window_origin_height(atoms, size, origin) for origin in ORIGINS] == pytest.approx([2.0, 2.0, 0.0])


@pytest.mark.parametrize(
    ("formula", "origin", "sentence"),
    [
        ("Au2", "mean_oxygen", "heights above mean_oxygen need an oxygen, and the structure has none"),
        ("NaCl", "top_oxygen", "heights above top_oxygen need an oxygen"),
        ("NaClOH2", "substrate", r"heights above substrate need an atom of a substrate \(other than H, O, Na, K, Cl\)"),
        ("OH2", "top", "the origin of the heights is 'top'; it must be one of mean_oxygen, top_oxygen, substrate"),
    ],
)
def test_structure_without_such_atoms_is_refused(formula, origin, sentence):
    with pytest.raises(InputError, match=sentence):
        origin_height(Atoms(formula), origin)
