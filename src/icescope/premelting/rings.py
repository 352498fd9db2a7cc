"""Rings of the network of oxygens in a bilayer of ice, and how hexagonal it is."""

import networkx as nx
import numpy as np
from ase.cell import Cell

from icescope.amorphous.phases import neighbours

BOND = 3.6  # A, farthest that two neighbours are apart; see `bonds`
NEIGHBOURS = 4  # of a molecule, at most
LARGEST_RING = 8  # molecules
HEXAGON = 6
RINGS_IN_A_SHEET = 3  # through each molecule of a bilayer of ice Ih


def bonds(positions: np.ndarray, cell: Cell) -> np.ndarray:
    """Pairs (pairs, 2) of oxygens within 3.6 A that are among each other's four nearest.

    Parameters
    ----------
    positions
        (n, 3) of all oxygens, A.
    cell
        Periodic, A.
    """
    pairs, arms = neighbours(positions, cell, BOND)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    distance = np.tile(np.linalg.norm(arms, axis=1), 2)
    order = np.lexsort((distance, both[:, 0]))
    count = np.bincount(both[:, 0], minlength=len(positions))
    rank = np.empty(len(both), dtype=int)
    rank[order] = np.arange(len(both)) - np.repeat(np.cumsum(count) - count, count)
    near = (rank < NEIGHBOURS).reshape(2, -1)
    return pairs[near.all(axis=0)]


def rings(pairs: np.ndarray) -> list[list[int]]:
    """Rings of up to eight molecules without a bond across them, each as its molecules in order.

    Parameters
    ----------
    pairs
        (pairs, 2) of neighbours, of one bilayer for the rings in its plane. The cell should be more than eight bonds
        wide, or a chain through its boundary counts as a ring.
    """
    graph = nx.Graph(pairs.tolist())
    return list(nx.chordless_cycles(graph, length_bound=LARGEST_RING))


def hexagonal_order(found: list[list[int]], count: int) -> np.ndarray:
    """h6 of each of `count` molecules: (1/3) times the sum of 2^-|n - 6| over the rings of n molecules through it.

    It is 1 in a bilayer of ice Ih, where three hexagons meet in each molecule, and 0 for a molecule in no ring. A
    network of pentagons and heptagons alone has one half. As in the public code of the group of Tang et al. 2025.
    """
    order = np.zeros(count)
    for ring in found:
        order[ring] += 2.0 ** -abs(len(ring) - HEXAGON) / RINGS_IN_A_SHEET
    return order
