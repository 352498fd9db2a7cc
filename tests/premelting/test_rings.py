"""Rings of networks known by hand, and hexagonal order of ideal ice."""

import networkx as nx
import numpy as np
import pytest
from ase.cell import Cell

from icescope.premelting.layers import bilayers
from icescope.premelting.rings import bonds, hexagonal_order, rings
from icescope.premelting.surface import surface


@pytest.fixture(scope="module")
def slab():
    return surface([3, 3, 3], vacuum=20.0, seed=4)


def sizes(pairs) -> list[int]:
    return sorted(len(ring) for ring in rings(np.array(pairs)))


def test_bilayers_of_ice_are_sheets_of_hexagons(slab):
    oxygens = slab.positions[::3]
    layer = bilayers(slab).of(oxygens, slab.cell[2, 2])
    pairs = bonds(oxygens, slab.cell)
    for number in range(6):
        found = rings(pairs[(layer[pairs] == number).all(axis=1)])
        assert [len(ring) for ring in found] == [6] * 36  # half as many as the 72 molecules, for three meet in each
        order = hexagonal_order(found, len(oxygens))
        assert order[layer == number] == pytest.approx(1)
        assert order[layer != number] == pytest.approx(0)


def test_molecules_of_ice_have_four_neighbours_and_those_of_its_faces_three_or_four(slab):
    oxygens = slab.positions[::3]
    count = np.bincount(bonds(oxygens, slab.cell).ravel())
    sheets = bilayers(slab)
    layer = sheets.of(oxygens, slab.cell[2, 2])
    inner = (layer > 0) & (layer < sheets.count - 1)
    assert set(count[inner]) == {4}
    assert sorted(count[~inner]) == [3] * 72 + [4] * 72  # half of each face's 72 have lost the one above them


def test_bonds_follow_the_molecules(slab):
    rng = np.random.default_rng(1)
    oxygens = slab.positions[::3] + rng.normal(scale=0.3, size=(432, 3))
    expected = {frozenset(pair) for pair in bonds(oxygens, slab.cell).tolist()}
    moved = {frozenset(pair) for pair in bonds(oxygens + [7.0, -30.0, 4.0], slab.cell).tolist()}
    assert moved == expected
    order = rng.permutation(432)
    permuted = {frozenset(order[pair].tolist()) for pair in bonds(oxygens[order], slab.cell)}
    assert permuted == expected


def test_fifth_neighbour_is_left_out():
    centre = np.array([10.0, 10.0, 10.0])
    arms = np.array([[2.7, 0, 0], [-2.8, 0, 0], [0, 2.9, 0], [0, -3.0, 0], [0, 0, 3.1]])
    pairs = bonds(np.vstack([centre, centre + arms]), Cell(np.diag([20.0, 20.0, 20.0])))
    assert sorted(pairs.max(axis=1)) == [1, 2, 3, 4]


def test_distance_alone_decides_below_four():
    places = np.array([[1.0, 1, 1], [1.0, 1, 4.59], [1.0, 4.61, 1]])
    assert bonds(places, Cell(np.diag([20.0] * 3))).tolist() == [[0, 1]]


def test_turned_bond_of_a_sheet_of_hexagons_makes_two_pentagons_and_two_heptagons():
    """The defect of Stone and Wales."""
    sheet = nx.hexagonal_lattice_graph(4, 5)
    sheet = nx.convert_node_labels_to_integers(sheet, label_attribute="place")
    hexagons = sizes(sheet.edges)
    assert set(hexagons) == {6}
    basis = [set(ring) for ring in nx.minimum_cycle_basis(sheet)]
    inner = [edge for edge in sheet.edges if sum(set(edge) <= ring for ring in basis) == 2]
    middle = np.mean([place for _, place in sheet.nodes("place")], axis=0)
    distance = [np.linalg.norm(np.mean([sheet.nodes[n]["place"] for n in edge], axis=0) - middle) for edge in inner]
    a, b = inner[int(np.argmin(distance))]
    of_a, of_b = (sorted(set(sheet[n]) - {a, b}, key=lambda m: sheet.nodes[m]["place"]) for n in (a, b))
    sheet.remove_edges_from([(a, of_a[0]), (b, of_b[-1])])
    sheet.add_edges_from([(a, of_b[-1]), (b, of_a[0])])
    assert sizes(sheet.edges) == sorted([*hexagons[4:], 5, 5, 7, 7])


def test_rings_have_no_bond_across_them_and_eight_molecules_at_most():
    octagon = [(i, (i + 1) % 8) for i in range(8)]
    assert sizes(octagon) == [8]
    assert sizes([*octagon, (0, 4)]) == [5, 5]
    assert sizes([(i, (i + 1) % 9) for i in range(9)]) == []
    assert sizes([(0, 1), (1, 2)]) == []


def test_hexagonal_order_by_hand():
    found = [[0, 1, 2, 3, 4], [0, 1, 5, 6, 7, 8], [0, 5, 9, 10, 11, 12, 13]]
    order = hexagonal_order(found, 15)
    assert order[0] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert order[1] == pytest.approx((1 / 2 + 1) / 3)
    assert order[9] == pytest.approx(1 / 6)
    assert order[14] == 0
