import numpy as np
import pytest
import torch
from water import layer

from icescope.afm.interaction import COULOMB, Sample, pair_coefficients, pair_energy, pair_force_and_hessian
from icescope.errors import InputError


@pytest.fixture
def sample():
    atoms = layer(3, seed=1)
    coefficients = pair_coefficients(atoms.get_chemical_symbols(), atoms.get_initial_charges(), "O", -0.3)
    tensors = [torch.tensor(a)[None] for a in (atoms.positions, *coefficients.T)]
    return Sample(*tensors)


@pytest.fixture
def probe():
    return torch.rand(1, 20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * torch.tensor(
        [9.0, 9.0, 2.0]
    ) + torch.tensor([0.0, 0.0, 3.0])


def test_two_atoms_at_the_minimum_of_their_energy_are_bound_by_epsilon():
    # O-O: R = 2 x 1.6612 A, eps = 0.009106 eV (published table), no charge.
    c12, c6, kq = pair_coefficients(["O"], np.zeros(1), "O", -0.05)[0]
    r = 2 * 1.6612
    assert c12 / r**12 - c6 / r**6 == pytest.approx(-0.009106, rel=1e-12)
    assert kq == 0


def test_mixed_pair_and_coulomb_term_by_hand():
    c12, c6, kq = pair_coefficients(["H"], np.array([0.4238]), "O", -0.05)[0]
    r, epsilon = 1.4870 + 1.6612, np.sqrt(0.000681 * 0.009106)
    assert (c12, c6) == pytest.approx((epsilon * r**12, 2 * epsilon * r**6))
    assert kq == pytest.approx(-0.05 * 0.4238 * COULOMB)


def test_force_is_minus_gradient_of_energy(sample, probe):
    probe.requires_grad_()
    gradient = torch.autograd.grad(pair_energy(probe, sample).sum(), probe)[0]
    force, _ = pair_force_and_hessian(probe.detach(), sample)
    torch.testing.assert_close(force, -gradient, rtol=1e-9, atol=1e-12)


def test_hessian_is_second_derivative_of_energy(sample, probe):
    _, hessian = pair_force_and_hessian(probe, sample)
    for i in range(3):
        expected = torch.autograd.functional.hessian(lambda p: pair_energy(p[None, None], sample).sum(), probe[0, i])
        torch.testing.assert_close(hessian[0, i], expected, rtol=1e-8, atol=1e-10)


def test_single_precision_keeps_the_force_to_a_millionth_of_an_electronvolt_per_angstrom(sample, probe):
    double, _ = pair_force_and_hessian(probe, sample)
    single, _ = pair_force_and_hessian(probe.float(), Sample(*(one.float() for one in sample)))
    assert (single - double).abs().max() < 1e-6 * max(1, double.abs().max())


def test_element_without_parameters_is_named():
    with pytest.raises(InputError, match="no Lennard-Jones parameters for Xe; known elements: H, C, O"):
        pair_coefficients(["Xe"], np.zeros(1), "O", 0.0)
