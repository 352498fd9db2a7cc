import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from water import layer

from icescope.afm import Scan, Tip
from icescope.afm.energy_grid import grid_energy
from icescope.afm.interaction import pair_energy
from icescope.afm.relaxation import relax, response
from icescope.afm.relaxation_numba import relax_compiled
from icescope.afm.sample import build_sample
from icescope.afm.tip import Springs, spring_energy, spring_force_and_hessian

HEIGHTS = np.arange(7.0, 10.05, 0.1)
X = np.arange(5.0, 13.0, 0.5)
MIDDLE = np.array([9.0, 9.0, 0.0])
TIPS = {"monopole": Tip(tilt=(0.1, -0.2)), "dz2": Tip(multipole="dz2", charge=-0.1)}


def single(sample):
    grid = None if sample.grid is None else type(sample.grid)(*(one.float() for one in sample.grid))
    return sample._replace(
        **{name: getattr(sample, name).float() for name in ("position", "c12", "c6", "kq")}, grid=grid
    )


def compiled(scan, sample, springs):
    sample = single(sample)
    grid = None if sample.grid is None else tuple(one.numpy() for one in sample.grid)
    arrays = (*(one.numpy() for one in sample[:4]), sample.dz2, grid)
    return tuple(
        torch.from_numpy(one) for one in relax_compiled(*(one.float().numpy() for one in scan), arrays, springs)
    )


@pytest.fixture(scope="module")
def scan():
    x = torch.tensor(X - MIDDLE[0])
    return torch.cartesian_prod(x, x), torch.tensor(HEIGHTS)


@pytest.fixture(scope="module", params=["monopole", "dz2", "periodic"])
def case(request, scan):
    """Two layers of different sizes in one batch: sample in double precision, springs, and the readable relaxation."""
    tip = TIPS.get(request.param, TIPS["monopole"])
    structures = [layer(6, seed=4), layer(5, seed=5)]
    for atoms in structures:
        atoms.pbc = [request.param == "periodic"] * 2 + [False]
    sample = build_sample(structures, tip, Scan(X, X, HEIGHTS), MIDDLE)
    assert (sample.grid is not None) == (request.param == "periodic")
    springs = Springs.of(tip)
    return sample, springs, relax(*scan, sample, springs)


def test_relaxed_probe_is_at_a_minimum_found_by_another_optimiser(case, scan):
    sample, springs, (probe, force, converged) = case
    xy, heights = scan
    rng = np.random.default_rng(7)
    for _ in range(10):
        b, n, p = rng.integers(2), rng.integers(len(heights)), rng.integers(len(xy))
        assert converged[b, n, p]
        anchor = torch.cat([xy[p], heights[n : n + 1]])
        grid = None if sample.grid is None else type(sample.grid)(*(field[b : b + 1] for field in sample.grid))
        one = sample._replace(**{name: getattr(sample, name)[b : b + 1] for name in ("position", "c12", "c6", "kq")})

        def energy(position, anchor=anchor, one=one, grid=grid):
            position = torch.tensor(position)[None, None]
            total = pair_energy(position, one) + spring_energy(position, anchor, springs)
            return float(total if grid is None else total + grid_energy(position, grid))

        found = minimize(energy, probe[b, n, p].numpy(), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-14})
        # The last Newton step is below 3e-3 A, and its error of the order of its square.
        assert np.linalg.norm(found.x - probe[b, n, p].numpy()) < 2e-4
        spring = spring_force_and_hessian(torch.tensor(found.x), anchor, springs)[0]
        assert float(-spring[2]) == pytest.approx(float(force[b, n, p]), abs=1e-5)


def test_compiled_relaxation_agrees_with_the_readable_one(case, scan):
    sample, springs, readable = case
    probe, force, converged = compiled(scan, sample, springs)
    assert converged.all() and readable[2].all()
    # Both stop below a step of 3e-3 A, each with its own rounding, on either side of that threshold.
    assert (probe - readable[0]).abs().max() < 1e-4
    assert (force - readable[1]).abs().max() < 1e-5


def test_readable_relaxation_in_single_precision(case, scan):
    sample, springs, double = case
    probe, force, converged = relax(*(one.float() for one in scan), single(sample), springs)
    assert converged.all()
    assert (probe - double[0]).abs().max() < 1e-4
    assert (force - double[1]).abs().max() < 1e-5


def test_response_is_the_change_of_the_probe_with_height(case, scan):
    sample, springs, _ = case
    xy, heights = scan[0], torch.tensor([8.0, 8.002, 8.004], dtype=torch.float64)
    probe = relax(xy, heights, sample, springs, tolerance=1e-9)[0]
    anchor = torch.cat([xy, heights[1].expand(len(xy), 1)], dim=1).expand(2, -1, -1)
    expected = (probe[:, 2] - probe[:, 0]) / 0.004
    # The central difference errs by h^2 / 6 of the third derivative, some 1e2 / A^2 where the probe gives way.
    torch.testing.assert_close(response(probe[:, 1], anchor, sample, springs), expected, rtol=0, atol=1e-3)


def test_sample_alone_equals_sample_in_batch(scan):
    springs = Springs.of(TIPS["monopole"])
    layers = [layer(6, seed=4), layer(5, seed=5)]
    alone, both = (build_sample(some, TIPS["monopole"], Scan(X, X, HEIGHTS), MIDDLE) for some in (layers[1:], layers))
    one, two = compiled(scan, alone, springs), compiled(scan, both, springs)
    torch.testing.assert_close(one[0][0], two[0][1], rtol=0, atol=0)
    # The readable version sums other tiles, so that a step may fall on the other side of the threshold.
    one, two = relax(*scan, alone, springs), relax(*scan, both, springs)
    torch.testing.assert_close(one[0][0], two[0][1], rtol=0, atol=1e-4)


def test_point_without_equilibrium_in_reach_is_marked(case):
    # A tip pushed below the atoms cannot come to rest within the allowed steps everywhere.
    sample, springs, _ = case
    scan = torch.zeros(1, 2).double(), torch.tensor([-60.0, 5.0]).double()
    for probe, _, converged in (relax(*scan, sample, springs), compiled(scan, sample, springs)):
        assert torch.isfinite(probe).all()
        assert not converged.all()
