import numpy as np
import pytest
from ase.cell import Cell
from ase.geometry import get_distances

from icescope.amorphous.order import best_threshold, order_parameters
from icescope.errors import InputError
from icescope.structures.ice import ice_ih


def test_ice():
    """Ideal ice Ih: perfect tetrahedra, four equal first distances, and the next at sqrt(8/3) of them."""
    ice = ice_ih((3, 3, 3), seed=1)
    oxygens = ice[ice.symbols == "O"]
    found = order_parameters(oxygens.positions, oxygens.cell)
    bond = 2.754
    np.testing.assert_allclose(found["tetrahedral_order"], 1, atol=1e-4)
    gap = bond * (np.sqrt(8 / 3) - 1)  # the fourth distance is the last below 3.7 A
    np.testing.assert_allclose(found["local_structure_index"], gap**2 * (1 / 4 - 1 / 16), rtol=1e-2)
    np.testing.assert_allclose(found["local_density"], 6 / (4 / 3 * np.pi * (bond * np.sqrt(8 / 3)) ** 3), rtol=1e-2)


def test_at_random_there_is_no_tetrahedral_order():
    rng = np.random.default_rng(2)
    cell = Cell.fromcellpar([40, 40, 40, 80, 95, 100])
    found = order_parameters(rng.uniform(0, 1, (4000, 3)) @ cell[:], cell)
    assert found["tetrahedral_order"].mean() == pytest.approx(0, abs=0.02)


def test_by_the_definition_in_a_sheared_cell():
    rng = np.random.default_rng(3)
    ice = ice_ih((2, 2, 2), seed=1)
    oxygens = ice[ice.symbols == "O"]
    cell = Cell(oxygens.cell[:] + [[0, 0, 0], oxygens.cell[0], [0, 0, 0]])
    positions = oxygens.positions + rng.normal(scale=0.3, size=(128, 3)) + rng.integers(-1, 2, (128, 3)) @ cell[:]
    found = order_parameters(positions, cell)
    arms, distance = get_distances(positions, cell=cell, pbc=True)
    for i in (0, 17, 99):
        order = np.argsort(distance[i])[1:]
        r = distance[i, order]
        total = 0.0
        for a in range(4):
            for b in range(a):
                cosine = arms[i, order[a]] @ arms[i, order[b]] / r[a] / r[b]
                total += (cosine + 1 / 3) ** 2
        assert found["tetrahedral_order"][i] == pytest.approx(1 - 3 / 8 * total, abs=1e-4)
        gaps = [r[k + 1] - r[k] for k in range(len(r) - 1) if r[k] < 3.7]
        assert found["local_structure_index"][i] == pytest.approx(np.var(gaps), abs=1e-4)
        assert found["local_density"][i] == pytest.approx(6 / (4 / 3 * np.pi * r[4] ** 3), rel=1e-4)


def test_a_gas_is_refused():
    with pytest.raises(InputError, match="this is a gas, a surface, or another unit of length"):
        order_parameters(np.random.default_rng(4).uniform(0, 50, (100, 3)), Cell.fromcellpar([50] * 3 + [90] * 3))


def test_thresholds():
    assert best_threshold(np.array([1.0, 2, 3, 4]), np.array([False, False, True, True])) == (2.5, 1.0)
    assert best_threshold(np.array([4.0, 3, 2, 1]), np.array([False, False, True, True])) == (2.5, 1.0)
    assert best_threshold(np.array([1.0, 1, 1, 1]), np.array([False, True, True, True]))[1] == 0.75
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.normal(size=20000), rng.normal(2, size=20000)])
    threshold, right = best_threshold(values, np.repeat([False, True], 20000))
    assert right == pytest.approx(0.8413, abs=0.005)  # Phi(1)
    assert threshold == pytest.approx(1, abs=0.1)
