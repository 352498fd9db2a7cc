import numpy as np
import pytest
from ase.cell import Cell
from ase.geometry import get_distances

from icescope.amorphous.phases import (
    AMONG_ONE,
    BETWEEN,
    ELSEWHERE,
    INTERMEDIATE,
    assign,
    cluster_sizes,
    neighbours,
    where_intermediate,
)
from icescope.errors import InputError
from icescope.structures.ice import ice_ih

CELLS = [[20, 21, 22, 90, 90, 90], [20, 21, 22, 70, 95, 110]]


def test_thresholds():
    probabilities = np.array([[0.97, 0.03], [0.4, 0.6], [0.04, 0.96], [0.95, 0.05]])
    assert assign(probabilities, 0.95).tolist() == [0, INTERMEDIATE, 1, INTERMEDIATE]
    assert assign(probabilities, 0.5).tolist() == [0, 1, 1, 0]
    fractions = [(assign(probabilities, one) == INTERMEDIATE).mean() for one in (0.5, 0.8, 0.95, 0.98)]
    assert fractions == sorted(fractions)
    for wrong in (0.4, 1.0):
        with pytest.raises(InputError, match="take one from 0.5 to below 1"):
            assign(probabilities, wrong)


@pytest.mark.parametrize("shape", CELLS)
def test_neighbours_by_brute_force(shape):
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    cell = Cell.fromcellpar(shape)
    cell = Cell(cell[:] @ (turn * np.sign(np.linalg.det(turn))))
    positions = rng.uniform(-2, 3, (300, 3)) @ cell[:]  # unwrapped
    distance = get_distances(positions, cell=cell, pbc=True)[1]
    expected = {tuple(pair) for pair in np.argwhere(np.triu(distance <= 3.0, 1)).tolist()}
    assert {tuple(sorted(pair)) for pair in neighbours(positions, cell)[0].tolist()} == expected
    pairs, steps = neighbours(positions, cell)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), distance[tuple(pairs.T)], atol=1e-4)


def test_ice_is_one_cluster():
    ice = ice_ih((2, 2, 2), seed=1)
    oxygens = ice[ice.symbols == "O"]
    pairs, _ = neighbours(oxygens.positions, oxygens.cell)
    assert len(pairs) == 2 * len(oxygens)  # four neighbours each
    assert cluster_sizes(np.full(128, True), pairs).tolist() == [128]
    assert cluster_sizes(np.full(128, False), pairs).tolist() == []


def test_clusters_of_a_chain():
    """Molecules in a row; those that are not members cut it."""
    pairs = np.array([[i, i + 1] for i in range(9)])
    members = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 0], dtype=bool)
    assert cluster_sizes(members, pairs).tolist() == [3, 2, 1]
    order = np.random.default_rng(2).permutation(10)  # the numbers of molecules mean nothing
    assert cluster_sizes(members[np.argsort(order)], order[pairs][:, ::-1]).tolist() == [3, 2, 1]


def test_where_intermediate_molecules_are():
    """A row of LDA (0), HDA (1) and intermediate (-1) molecules, each touching the next."""
    phase = np.array([0, -1, 1, 1, -1, 1, -1, -1, 0, -1, 0, -1])
    pairs = np.array([[i, i + 1] for i in range(10)])  # the last one touches nothing
    expected = [BETWEEN, AMONG_ONE, ELSEWHERE, ELSEWHERE, AMONG_ONE, ELSEWHERE]
    assert where_intermediate(phase, pairs, low=0, high=1).tolist() == expected


def test_a_cell_that_is_too_small():
    with pytest.raises(InputError, match="the cell is 5.0 A across, and neighbours within 3 A need 6 A"):
        neighbours(np.zeros((2, 3)), Cell.fromcellpar([20, 20, 5, 90, 90, 90]))
