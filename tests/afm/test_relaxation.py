import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from water import layer

from icescope.afm.interaction import Sample, pair_coefficients, pair_energy
from icescope.afm.relaxation import Tip, relax, spring_energy, spring_force_and_hessian
from icescope.afm.relaxation_numba import relax_compiled
from icescope.errors import InputError

TIP = Tip()


@pytest.fixture(scope="module")
def sample():
    """Two layers side by side in a batch, in single precision, as the simulation passes them on."""
    atoms = [layer(6, seed=seed) for seed in (4, 5)]
    position = np.stack([one.positions - [9, 9, 0] for one in atoms])
    coefficients = np.stack(
        [pair_coefficients(one.get_chemical_symbols(), one.get_initial_charges(), "O", -0.05) for one in atoms]
    )
    return Sample(*(torch.tensor(a, dtype=torch.float32) for a in (position, *np.moveaxis(coefficients, 2, 0))))


@pytest.fixture(scope="module")
def scan():
    x = torch.arange(-4, 4, 0.5)
    return torch.cartesian_prod(x, x), torch.arange(7.0, 10.05, 0.1)


@pytest.fixture(scope="module")
def relaxed(sample, scan):
    return relax(*scan, sample, TIP)


def test_spring_force_and_hessian_are_derivatives_of_the_spring_energy():
    generator = torch.Generator().manual_seed(6)
    anchor = torch.rand(7, 3, dtype=torch.float64, generator=generator)
    probe = anchor + torch.randn(7, 3, dtype=torch.float64, generator=generator) - torch.tensor([0, 0, 4.0])
    force, hessian = spring_force_and_hessian(probe, anchor, TIP)
    for i in range(7):
        energy = lambda p, i=i: spring_energy(p, anchor[i], TIP)  # noqa: E731
        torch.testing.assert_close(force[i], -torch.autograd.functional.jacobian(energy, probe[i]))
        torch.testing.assert_close(hessian[i], torch.autograd.functional.hessian(energy, probe[i]))


def test_relaxed_probe_is_at_a_minimum_found_by_another_optimiser(sample, scan, relaxed):
    xy, heights = scan
    probe, force, converged = relaxed
    doubles = Sample(*(one.double() for one in sample))
    rng = np.random.default_rng(7)
    for _ in range(25):
        b, n, p = rng.integers(2), rng.integers(len(heights)), rng.integers(len(xy))
        assert converged[b, n, p]
        anchor = torch.cat([xy[p], heights[n : n + 1]]).double()
        one = Sample(*(field[b : b + 1] for field in doubles))

        def energy(position, anchor=anchor, one=one):
            position = torch.tensor(position)
            return float(pair_energy(position[None, None], one) + spring_energy(position, anchor, TIP))

        found = minimize(energy, probe[b, n, p].numpy().astype(float), method="Nelder-Mead",
                         options={"xatol": 1e-7, "fatol": 1e-14})  # fmt: skip
        # The tolerance of the last Newton step is 1e-3 A and its error that squared; single precision adds the rest.
        assert np.linalg.norm(found.x - probe[b, n, p].numpy()) < 2e-4
        spring = spring_force_and_hessian(torch.tensor(found.x), anchor, TIP)[0]
        assert float(-spring[2]) == pytest.approx(float(force[b, n, p]), abs=2e-5)


def test_compiled_relaxation_agrees_with_the_readable_one(sample, scan, relaxed):
    compiled = relax_compiled(*(one.numpy() for one in scan), tuple(one.numpy() for one in sample), TIP)
    probe, force, converged = (torch.from_numpy(one) for one in compiled)
    assert converged.all() and relaxed[2].all()
    # Both stop below a step of 1e-3 A, each with its own rounding.
    assert (probe - relaxed[0]).abs().max() < 5e-5
    assert (force - relaxed[1]).abs().max() < 1e-5


def test_sample_alone_equals_sample_in_batch(sample, scan, relaxed):
    alone = relax(*scan, Sample(*(field[1:] for field in sample)), TIP)
    torch.testing.assert_close(alone[0][0], relaxed[0][1], rtol=0, atol=2e-5)


def test_point_without_equilibrium_in_reach_is_marked(sample):
    # A tip pushed below the atoms cannot come to rest within the allowed steps everywhere.
    xy, heights = torch.zeros(1, 2), torch.tensor([-60.0, 5.0])
    compiled = relax_compiled(xy.numpy(), heights.numpy(), tuple(one.numpy() for one in sample), TIP)
    readable = relax(xy, heights, sample, TIP)
    assert torch.isfinite(readable[0]).all() and np.isfinite(compiled[0]).all()
    assert not readable[2].all() and not compiled[2].all()


def test_tip_without_stiffness_is_named():
    with pytest.raises(InputError, match="lateral_stiffness must be positive"):
        Tip(lateral_stiffness=0.0)
