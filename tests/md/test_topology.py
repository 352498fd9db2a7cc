"""Which atoms are water, which move, and how a trajectory names and wraps them."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixedPlane

from icescope.errors import InputError
from icescope.md.topology import degrees_of_freedom, fixed_atoms, single_atoms, water_molecules
from icescope.md.trajectory import structure_universe, wrap_molecules

SYMBOLS = ["Au", "Na", "O", "H", "H", "Cl", "O", "H", "H"]


@pytest.fixture
def mixture():
    positions = np.random.default_rng(0).uniform(0, 12, (9, 3))
    positions[0, 2] = -2.0
    positions[[3, 4]] = positions[2] + [[0.9, 0, 0], [-0.3, 0.9, 0]]
    positions[[7, 8]] = positions[6] + [[0.9, 0, 0], [-0.3, 0.9, 0]]
    return Atoms(SYMBOLS, positions, cell=[[12, 0, 0], [4, 11, 0], [0, 0, 10]], pbc=True)


def test_molecules_and_single_atoms_may_come_in_any_order():
    assert water_molecules(SYMBOLS).tolist() == [[2, 3, 4], [6, 7, 8]]
    assert single_atoms(SYMBOLS).tolist() == [0, 1, 5]
    with pytest.raises(InputError, match="not in the order O, H, H"):
        water_molecules(["H", "O", "H"])


def test_metals_are_fixed_by_themselves_and_others_by_constraints(mixture):
    assert np.flatnonzero(fixed_atoms(mixture)).tolist() == [0]
    assert degrees_of_freedom(mixture) == 2 * 6 + 2 * 3
    mixture.set_constraint(FixAtoms([1, 2, 3, 4]))
    assert np.flatnonzero(fixed_atoms(mixture)).tolist() == [0, 1, 2, 3, 4]
    assert degrees_of_freedom(mixture) == 6 + 3
    mixture.set_constraint(FixedPlane([1], [0, 0, 1]))
    with pytest.raises(InputError, match="FixedPlane constraint; only FixAtoms"):
        fixed_atoms(mixture)
    mixture.set_constraint(FixAtoms([2, 3]))
    with pytest.raises(InputError, match="a part of a water molecule"):
        fixed_atoms(mixture)


def test_each_molecule_and_each_ion_is_a_residue(mixture):
    universe = structure_universe(mixture)
    assert list(universe.residues.resnames) == ["AU", "NA", "SOL", "CL", "SOL"]
    assert [len(residue.atoms) for residue in universe.residues] == [1, 1, 3, 1, 3]
    assert list(universe.atoms.names) == ["AU", "NA", "O", "H1", "H2", "CL", "O", "H1", "H2"]


def test_wrapping_moves_molecules_and_ions_by_whole_vectors_of_any_cell(mixture):
    start = wrap_molecules(mixture, mixture.positions, mixture.cell.array)
    moved = start.copy()
    for atoms, shift in (([1], [1, 0, -2]), ([2, 3, 4], [0, 3, 1]), ([5], [-1, -1, 0]), ([6, 7, 8], [2, 0, 0])):
        moved[atoms] += np.array(shift) @ mixture.cell.array
    np.testing.assert_allclose(wrap_molecules(mixture, moved, mixture.cell.array), start, atol=1e-9)
    inside = start - [0, 0, mixture.positions[0, 2]]
    fractional = inside[[1, 2, 5, 6]] @ np.linalg.inv(mixture.cell.array)
    assert ((fractional >= 0) & (fractional < 1)).all()
