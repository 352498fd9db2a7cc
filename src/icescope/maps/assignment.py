"""The cheapest choice of one state for every oxygen, where states share hydrogens and bonds.

Exact, and fast where conflicts are local: oxygens are taken alone first, and joined into groups only where the
cheapest choices of two groups clash. A group is solved by depth-first search with bounds. Leaving out the constraints
between groups can only lower a sum, so a choice without a clash is the cheapest of all. Where peaks are so many and so
alike that this search would take long, a general solver finds the cheapest choice, in a tenth of a second.
"""

from itertools import pairwise

import numpy as np
from numba import njit
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

MOST_STEPS = 20_000  # of the search in one group, some hundredths of a second
LONGEST = 20.0  # s, of the general solver; it has a good choice long before


def cheapest(first, cost, hydrogen, bond, double):
    """Cheapest choice of one state for every oxygen.

    A hydrogen serves one state at most. Each hydrogen beyond the first on a bond costs `double`.

    Parameters
    ----------
    first
        (oxygens + 1,) index of each oxygen's first state, and the number of states. The states of an oxygen stand
        together, the cheapest first; one of them at least takes no hydrogen.
    cost
        (states,).
    hydrogen, bond
        (states, any) the hydrogens and the bonds that each state takes, from 0; -1 for none. A bond that two of a
        state's hydrogens are on stands twice.
    double
        Cost.

    Returns
    -------
    State of each oxygen; group of each oxygen and cost of each group, to go on from with `margin`; and which oxygens
    (oxygens,) are in groups in which the search was given up, so that their states are by `by_integer_programme`.
    """
    problem = first, cost, hydrogen, bond, double
    oxygens = len(first) - 1
    choice, group, group_cost = first[:-1].copy(), np.arange(oxygens), np.zeros(oxygens)
    given_up, solved = np.zeros(oxygens, bool), 0
    _solve_each(problem, choice, group, group_cost)
    while True:
        _join_all(problem, choice, group, group_cost)
        hard = np.isneginf(group_cost)[group]
        if not hard.any():
            return choice, group, group_cost, given_up
        solved += hard.sum()
        if solved > oxygens:  # hard everywhere: one clash after another would take long
            hard[:] = True
        members = np.flatnonzero(hard)
        states, part = of_some(members, first, cost, hydrogen, bond)
        choice[members] = states[by_integer_programme(*part, double)]
        _, on_bond = _taken(bond[choice[members]])
        g = group[members[0]]
        group_cost[group[members]], group[members] = 0.0, g
        group_cost[g] = cost[choice[members]].sum() + double * (len(on_bond) - len(np.unique(on_bond)))
        given_up[members] = True


def of_some(oxygens, first, cost, hydrogen, bond):
    """States of some oxygens, and their problem alone: first, cost, hydrogen, bond."""
    _, states = ranges(first[oxygens], first[oxygens + 1])
    begins = np.append(0, np.cumsum(first[oxygens + 1] - first[oxygens]))
    return states, (begins, cost[states], hydrogen[states], bond[states])


def ranges(first, last):
    """All whole numbers from `first` (n,) to below `last` (n,), one range after another: whose each is, and itself."""
    length = last - first
    whose = np.repeat(np.arange(len(length)), length)
    return whose, np.arange(len(whose)) + np.repeat(first - np.cumsum(length) + length, length)


def by_integer_programme(first, cost, hydrogen, bond, double):
    """Cheapest choice of one state for every oxygen, as `cheapest`, by mixed-integer linear programming.

    One unknown, 0 or 1, for each state, and one for the excess on each bond.
    """
    states, oxygens = len(cost), len(first) - 1
    bare = (hydrogen < 0).all(1)  # a valid choice for all oxygens, if the solver finds none in time
    owner = np.repeat(np.arange(oxygens), np.diff(first))
    (of_hydrogen, hydrogen), (of_bond, bond) = _taken(hydrogen), _taken(bond)
    hydrogens, bonds = hydrogen.max(initial=-1) + 1, bond.max(initial=-1) + 1
    row = [owner, oxygens + hydrogen, oxygens + hydrogens + bond, oxygens + hydrogens + np.arange(bonds)]
    column = [np.arange(states), of_hydrogen, of_bond, states + np.arange(bonds)]
    value = np.concatenate([np.ones(states + len(of_hydrogen) + len(of_bond)), -np.ones(bonds)])
    shape = oxygens + hydrogens + bonds, states + bonds
    matrix = coo_array((value, (np.concatenate(row), np.concatenate(column))), shape).tocsr()
    least = np.append(np.ones(oxygens), np.full(hydrogens + bonds, -np.inf))
    result = milp(
        np.append(cost, np.full(bonds, double)),
        integrality=np.append(np.ones(states), np.zeros(bonds)),
        bounds=Bounds(0, np.append(np.ones(states), np.full(bonds, np.inf))),
        constraints=LinearConstraint(matrix, least, 1),
        options={"time_limit": LONGEST},
    )
    chosen = bare if result.x is None else result.x
    return np.array([begin + chosen[begin:end].argmax() for begin, end in pairwise(first)])


def _taken(of_states):
    """State of each entry of (states, any) that is not negative, and the entry, numbered anew from 0."""
    state, column = np.nonzero(of_states >= 0)
    return state, np.unique(of_states[state, column], return_inverse=True)[1]


@njit(cache=True)
def _solve_each(problem, choice, group, group_cost):
    forbidden = np.zeros(len(problem[1]), np.bool_)
    for g in range(len(group)):
        group_cost[g] = _solve(group, g, problem, forbidden, np.inf, choice)


@njit(cache=True)
def _join_all(problem, choice, group, group_cost):
    """Join groups until no choices clash, or the search in one is given up."""
    forbidden = np.zeros(len(problem[1]), np.bool_)
    while np.isfinite(group_cost).all() and _join(group, group_cost, problem, forbidden, np.inf, choice):
        pass


@njit(cache=True)
def margin(oxygen, forbidden, most, first, cost, hydrogen, bond, double, choice, group, group_cost):
    """How much more the cheapest choice costs without some states of one oxygen, or `most` if it is no less than that.

    `forbidden` (states,) bool says which; `choice`, `group`, `group_cost` are what `cheapest` returns. 0 where a
    search is given up.
    """
    limit = group_cost.sum() + most
    choice, group, group_cost = choice.copy(), group.copy(), group_cost.copy()
    problem = first, cost, hydrogen, bond, double
    g = group[oxygen]
    group_cost[g] = _solve(group, g, problem, forbidden, group_cost[g] + most, choice)
    while np.isfinite(group_cost.sum()) and group_cost.sum() < limit:
        if not _join(group, group_cost, problem, forbidden, limit, choice):
            break
    return 0.0 if group_cost.sum() == -np.inf else min(most, group_cost.sum() + most - limit)


@njit(cache=True)
def _join(group, group_cost, problem, forbidden, limit, choice):
    """Join two groups whose choices clash and solve the new group; False where there are none.

    Choices whose total is not below `limit` are not looked for.
    """
    hydrogen, bond = problem[2], problem[3]
    holder = np.full(hydrogen.max() + 1, -1)
    on_bond = np.full(bond.max() + 1, -1)
    for a in range(len(choice)):
        for taken, owner in ((hydrogen[choice[a]], holder), (bond[choice[a]], on_bond)):
            for h in taken:
                if h < 0:
                    continue
                if owner[h] >= 0 and group[owner[h]] != group[a]:
                    g, gone = group[owner[h]], group[a]
                    rest = group_cost.sum() - group_cost[g] - group_cost[gone]
                    group[group == gone] = g
                    group_cost[gone] = 0.0
                    group_cost[g] = _solve(group, g, problem, forbidden, limit - rest, choice)
                    return True
                owner[h] = a
    return False


@njit(cache=True)
def _solve(group, g, problem, forbidden, limit, choice):
    """Write the cheapest states of one group into `choice`; their cost, or infinity where it is not below `limit`, or
    -infinity where that takes more than MOST_STEPS.

    Russian doll search (Verfaillie, Lemaitre, Schiex, AAAI 1996): the last oxygen alone first, then the last two, ...,
    each least cost being the bound of the next search. Neighbours stand close together in the order, and a search
    does not go on from where an earlier one came with the same left over for those to come, and at no more cost.
    """
    first, cost, hydrogen, bond, double = problem
    members = _in_order(np.flatnonzero(group == g), first, hydrogen, bond)
    n = len(members)
    last_hydrogen, last_bond = np.full(hydrogen.max() + 1, -1), np.full(bond.max() + 1, -1)
    for depth in range(n):
        for s in range(first[members[depth]], first[members[depth] + 1]):
            for h in hydrogen[s]:
                if h >= 0:
                    last_hydrogen[h] = depth
            for b in bond[s]:
                if b >= 0:
                    last_bond[b] = depth
    held = np.zeros(hydrogen.max() + 1, np.bool_)
    load = np.zeros(bond.max() + 1, np.int64)
    state, spent, rest = np.zeros(n, np.int64), np.zeros(n + 1), np.zeros(n)
    doll = np.zeros(n + 1)  # least cost of the oxygens from each on
    steps = 0
    for outer in range(n - 1, -1, -1):
        # Without what the oxygens further out cost at least, the limit leaves room for this much.
        best = limit - _bound(members[:outer], first, cost, hydrogen, forbidden, held)
        found = False
        been = {(0, np.uint64(0)): 0.0}
        depth, state[outer] = outer, first[members[outer]] - 1
        spent[outer] = 0.0
        rest[outer] = doll[outer + 1]
        while depth >= outer:
            steps += 1
            if steps > MOST_STEPS:
                return -np.inf
            state[depth] += 1
            s = state[depth]
            if s >= first[members[depth] + 1] or spent[depth] + cost[s] + rest[depth] >= best:
                depth -= 1
                if depth >= outer:
                    _take(hydrogen[state[depth]], bond[state[depth]], held, load, -1)
                continue
            if forbidden[s] or _any_held(hydrogen[s], held):
                continue
            spent[depth + 1] = spent[depth] + cost[s] + double * _take(hydrogen[s], bond[s], held, load, 1)
            if depth == n - 1 and spent[n] < best:
                best, found = spent[n], True
                choice[members[outer:]] = state[outer:]
            if depth < n - 1:
                further = _bound(members[depth + 1 :], first, cost, hydrogen, forbidden, held)
                worth = spent[depth + 1] + max(doll[depth + 1], further) < best
                if worth and depth > outer:
                    taken = state[outer : depth + 1]
                    here = depth, _left_over(taken, hydrogen, bond, last_hydrogen, last_bond, depth)
                    worth = here not in been or spent[depth + 1] < been[here]
                    if worth:
                        been[here] = spent[depth + 1]
                if worth:
                    depth += 1
                    state[depth] = first[members[depth]] - 1
                    further -= _bound(members[depth : depth + 1], first, cost, hydrogen, forbidden, held)
                    rest[depth] = max(doll[depth + 1], further)
                    continue
            _take(hydrogen[s], bond[s], held, load, -1)
        if not found:
            return np.inf
        doll[outer] = best
    return doll[0]


@njit(cache=True)
def _in_order(members, first, hydrogen, bond):
    """Members by their distance, in steps from one oxygen to another that shares a hydrogen or a bond, from an end."""
    n = len(members)
    near = np.zeros((n, n), np.bool_)
    for of in (hydrogen, bond):
        last = np.full(of.max() + 1, -1)
        users = [(0, 0)][:0]
        for a in range(n):
            for s in range(first[members[a]], first[members[a] + 1]):
                for h in of[s]:
                    if h >= 0 and last[h] != a:
                        last[h] = a
                        users.append((h, a))
        users.sort()
        for i in range(len(users)):
            j = i + 1
            while j < len(users) and users[j][0] == users[i][0]:
                near[users[i][1], users[j][1]] = near[users[j][1], users[i][1]] = True
                j += 1
    start = 0
    order = np.arange(n)
    for _ in range(2):
        seen = np.zeros(n, np.bool_)
        seen[start], order[0], length = True, start, 1
        for i in range(n):
            if i == length:  # a part of its own
                order[length] = np.flatnonzero(~seen)[0]
                seen[order[length]] = True
                length += 1
            for b in np.flatnonzero(near[order[i]] & ~seen):
                order[length], seen[b] = b, True
                length += 1
        start = order[n - 1]
    return members[order]


@njit(cache=True)
def _left_over(states, hydrogen, bond, last_hydrogen, last_bond, depth):
    """A number for what states take of what is of use beyond a depth; equal by chance in one of 2^64 cases."""
    key = np.uint64(0)
    for s in states:
        for h in hydrogen[s]:
            if h >= 0 and last_hydrogen[h] > depth:
                key += _scrambled(2 * h)
        for b in bond[s]:
            if b >= 0 and last_bond[b] > depth:
                key += _scrambled(2 * b + 1)
    return key


@njit(cache=True)
def _scrambled(number):
    """SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    z = np.uint64(number + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def _take(hydrogens, bonds, held, load, step):
    """Take (step 1) or give back (-1) a state's hydrogens and bonds; how many times a taken bond was not free."""
    double = 0
    for h in hydrogens:
        if h >= 0:
            held[h] = step > 0
    for b in bonds:
        if b >= 0:
            double += load[b] > 0
            load[b] += step
    return double


@njit(cache=True)
def _any_held(hydrogens, held):
    for h in hydrogens:  # noqa: SIM110, any() of a generator is not for Numba
        if h >= 0 and held[h]:
            return True
    return False


@njit(cache=True)
def _bound(members, first, cost, hydrogen, forbidden, held):
    """Sum of each member's cheapest state of free hydrogens."""
    total = 0.0
    for a in members:
        for s in range(first[a], first[a + 1]):
            if not forbidden[s] and not _any_held(hydrogen[s], held):
                total += cost[s]
                break
    return total
