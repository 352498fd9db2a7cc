from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from icescope.maps.assignment import cheapest, margin

DOUBLE = 1.5


def random_problem(seed, oxygens=7, hydrogens=10, bonds=6, states=9):
    """States that fight for few hydrogens and bonds, so that groups grow over all oxygens."""
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.normal(size=(oxygens, states)), axis=1)
    hydrogen = np.sort(rng.integers(-1, hydrogens, size=(oxygens, states, 2)))
    hydrogen[hydrogen[..., 0] == hydrogen[..., 1], 0] = -1
    hydrogen[:, -1] = -1
    bond = np.where(rng.random((oxygens, states, 3)) < 0.5, rng.integers(0, bonds, size=(oxygens, states, 3)), -1)
    first = np.arange(oxygens + 1) * states
    return first, cost.ravel(), hydrogen.reshape(-1, 2), bond.reshape(-1, 3), DOUBLE


def by_integer_programme(first, cost, hydrogen, bond, double, forbidden=()):
    """Least cost by a general solver: one unknown for each state, and one for the excess on each bond."""
    n, bonds = len(cost), bond.max() + 1
    rows, upper, lower = [], [], []
    for begin, end in pairwise(first):
        rows.append(np.isin(np.arange(n + bonds), np.arange(begin, end)))
        lower.append(1), upper.append(1)
    for h in range(hydrogen.max() + 1):
        rows.append(np.append((hydrogen == h).any(1), np.zeros(bonds)))
        lower.append(-np.inf), upper.append(1)
    for b in range(bonds):
        rows.append(np.append((bond == b).sum(1), -(np.arange(bonds) == b).astype(int)))
        lower.append(-np.inf), upper.append(1)
    most = np.append(np.ones(n), np.full(bonds, np.inf))
    most[list(forbidden)] = 0
    result = milp(
        np.append(cost, np.full(bonds, double)),
        integrality=np.arange(n + bonds) < n,
        bounds=Bounds(0, most),
        constraints=LinearConstraint(np.array(rows, float), lower, upper),
    )
    return result.fun


def total(choice, cost, hydrogen, bond, double):
    taken = hydrogen[choice][hydrogen[choice] >= 0]
    assert len(taken) == len(set(taken))
    load = np.bincount(bond[choice][bond[choice] >= 0])
    return cost[choice].sum() + double * np.clip(load - 1, 0, None).sum()


@pytest.mark.parametrize("seed", range(12))
def test_choice_is_the_optimum_of_the_integer_programme(seed):
    problem = random_problem(seed)
    choice, group, group_cost = cheapest(*problem)
    first = problem[0]
    assert ((choice >= first[:-1]) & (choice < first[1:])).all()
    assert total(choice, *problem[1:]) == pytest.approx(by_integer_programme(*problem))
    assert group_cost.sum() == pytest.approx(total(choice, *problem[1:]))
    assert group_cost[np.setdiff1d(np.arange(len(group)), group)].sum() == 0


@pytest.mark.parametrize("seed", range(4))
def test_margin_is_what_the_optimum_costs_more_without_some_states(seed):
    problem = random_problem(seed)
    optimum = cheapest(*problem)
    for oxygen in range(0, len(problem[0]) - 1, 2):
        forbidden = np.zeros(len(problem[1]), bool)
        forbidden[[optimum[0][oxygen], problem[0][oxygen] + 1]] = True
        more = by_integer_programme(*problem, np.flatnonzero(forbidden)) - optimum[2].sum()
        assert margin(oxygen, forbidden, 1e3, *problem, *optimum) == pytest.approx(more)
        assert margin(oxygen, forbidden, 0.3, *problem, *optimum) == pytest.approx(min(more, 0.3))
