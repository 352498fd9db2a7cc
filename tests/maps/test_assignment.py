import time
from itertools import pairwise, product

import numpy as np
import pytest

from icescope.maps import assignment
from icescope.maps.assignment import by_integer_programme, cheapest, margin

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


def least_cost(first, cost, hydrogen, bond, double):
    """By trying every combination."""
    best = np.inf
    for choice in product(*(range(begin, end) for begin, end in pairwise(first))):
        taken = hydrogen[list(choice)]
        taken = taken[taken >= 0]
        if len(taken) == len(set(taken)):
            best = min(best, total(np.array(choice), cost, hydrogen, bond, double))
    return best


def total(choice, cost, hydrogen, bond, double):
    taken = hydrogen[choice][hydrogen[choice] >= 0]
    assert len(taken) == len(set(taken))
    load = np.bincount(bond[choice][bond[choice] >= 0])
    return cost[choice].sum() + double * np.clip(load - 1, 0, None).sum()


@pytest.mark.parametrize("seed", range(12))
def test_choice_is_the_optimum_of_the_integer_programme(seed):
    problem = random_problem(seed)
    choice, group, group_cost, given_up = cheapest(*problem)
    assert not given_up.any()
    first = problem[0]
    assert ((choice >= first[:-1]) & (choice < first[1:])).all()
    assert total(choice, *problem[1:]) == pytest.approx(total(by_integer_programme(*problem), *problem[1:]))
    assert group_cost.sum() == pytest.approx(total(choice, *problem[1:]))
    assert group_cost[np.setdiff1d(np.arange(len(group)), group)].sum() == 0


@pytest.mark.parametrize("seed", range(4))
def test_margin_is_what_the_optimum_costs_more_without_some_states(seed):
    problem = random_problem(seed)
    *optimum, _ = cheapest(*problem)
    for oxygen in range(0, len(problem[0]) - 1, 2):
        forbidden = np.zeros(len(problem[1]), bool)
        forbidden[[optimum[0][oxygen], problem[0][oxygen] + 1]] = True
        dear = problem[0], np.where(forbidden, 1e3, problem[1]), *problem[2:]
        more = total(by_integer_programme(*dear), *problem[1:]) - optimum[2].sum()
        assert margin(oxygen, forbidden, 1e3, *problem, *optimum) == pytest.approx(more)
        assert margin(oxygen, forbidden, 0.3, *problem, *optimum) == pytest.approx(min(more, 0.3))


def test_the_integer_programme_finds_what_trying_everything_finds():
    for seed in range(3):
        problem = random_problem(seed, oxygens=4, hydrogens=5, bonds=3, states=5)
        assert total(by_integer_programme(*problem), *problem[1:]) == pytest.approx(least_cost(*problem))


def test_a_search_that_would_not_end_is_given_up_in_time(monkeypatch):
    # 40 oxygens that fight for 30 hydrogens: an exact search takes minutes.
    problem = random_problem(3, oxygens=40, hydrogens=30, bonds=30, states=15)
    cheapest(*random_problem(0))  # compiled

    class GivenUp(Exception):
        pass

    def given_up(*_):
        raise GivenUp

    with monkeypatch.context() as patch:
        patch.setattr(assignment, "by_integer_programme", given_up)
        began = time.process_time()
        with pytest.raises(GivenUp):
            cheapest(*problem)
        assert time.process_time() - began < 2
    total(by_integer_programme(*problem), *problem[1:])  # no hydrogen twice


def test_oxygens_that_there_is_no_time_to_choose_for_stay_alone(monkeypatch):
    problem = random_problem(3, oxygens=40, hydrogens=30, bonds=30, states=15)
    monkeypatch.setattr(assignment, "LONGEST", 1e-6)
    first, cost, hydrogen, _, _ = problem
    choice = by_integer_programme(*problem)
    assert (hydrogen[choice] < 0).all()
    for oxygen, state in enumerate(choice):
        alone = [s for s in range(first[oxygen], first[oxygen + 1]) if (hydrogen[s] < 0).all()]
        assert cost[state] == cost[alone].min()


def test_what_a_search_gives_up_is_solved_all_the_same():
    # 24 oxygens that fight for 18 hydrogens: an exact search takes minutes.
    problem = random_problem(3, oxygens=24, hydrogens=18, bonds=18, states=15)
    cheapest(*random_problem(0))  # compiled
    began = time.process_time()
    choice, _, group_cost, given_up = cheapest(*problem)
    assert time.process_time() - began < 20
    assert given_up.all()
    assert group_cost.sum() == pytest.approx(total(choice, *problem[1:]))
    assert group_cost.sum() == pytest.approx(total(by_integer_programme(*problem), *problem[1:]))


def test_where_a_search_is_given_up_others_are_still_searched():
    easy = [random_problem(seed) for seed in range(24)]
    one_problem = _beside(*easy, random_problem(3, oxygens=16, hydrogens=14, bonds=14, states=15))
    few, states = sum(len(one[0]) - 1 for one in easy), sum(len(one[1]) for one in easy)
    one_problem[2][states - 2, 0] = one_problem[2].max()  # a dear state of an easy oxygen needs what the hard ones need
    choice, _, group_cost, given_up = cheapest(*one_problem)
    alone = cheapest(*_beside(*easy))
    assert given_up[few:].all() and not given_up[:few].any()
    assert choice[:few].tolist() == alone[0].tolist()
    assert group_cost[:few].sum() == pytest.approx(alone[2].sum())


def _beside(*problems):
    """One problem of several that share nothing."""
    whole = random_problem(0, oxygens=0)
    for first, cost, hydrogen, bond, _ in problems:
        hydrogen, bond = (
            np.where(of >= 0, of + before.max(initial=-1) + 1, -1)
            for of, before in ((hydrogen, whole[2]), (bond, whole[3]))
        )
        parts = (first[1:] + whole[0][-1], cost, hydrogen, bond)
        whole = *(np.concatenate([before, part]) for before, part in zip(whole[:4], parts, strict=True)), DOUBLE
    return whole
