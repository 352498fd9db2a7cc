import numpy as np
import pytest
import torch
from water import layer

from icescope.afm.interaction import (
    Sample,
    lennard_jones_coefficients,
    pair_energy,
    pair_force_and_hessian,
)
from icescope.errors import InputError

# Order of the Hessian's six components.
UPPER = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2])


@pytest.fixture(params=[False, True], ids=["monopole", "dz2"])
def sample(request):
    atoms = layer(3, seed=1)
    c12, c6 = lennard_jones_coefficients(atoms.get_chemical_symbols(), "O").T
    # As strong as the Lennard-Jones forces, so that neither hides an error of the other.
    kq = 5 * atoms.get_initial_charges()
    return Sample(*(torch.tensor(a)[None] for a in (atoms.positions, c12, c6, kq)), dz2=request.param)


@pytest.fixture
def probe():
    return torch.rand(1, 20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * torch.tensor(
        [9.0, 9.0, 2.0]
    ) + torch.tensor([0.0, 0.0, 3.0])


def test_two_atoms_at_the_minimum_of_their_energy_are_bound_by_epsilon():
    # O-O: R = 2 x 1.6612 A, eps = 0.009106 eV (published table).
    c12, c6 = lennard_jones_coefficients(["O"], "O")[0]
    r = 2 * 1.6612
    assert c12 / r**12 - c6 / r**6 == pytest.approx(-0.009106, rel=1e-12)


def test_mixed_pair_by_hand():
    r, epsilon = 1.4870 + 1.6612, np.sqrt(0.000681 * 0.009106)
    assert lennard_jones_coefficients(["H"], "O")[0] == pytest.approx((epsilon * r**12, 2 * epsilon * r**6))


@pytest.mark.parametrize(("dz2", "energy"), [(False, 2 / 3.0), (True, 2 * (3 * 2.0**2 / 3.0**5 - 1 / 3.0**3))])
def test_energy_of_a_charge_by_hand(dz2, energy):
    nothing = torch.zeros(1, 1)
    charge = Sample(torch.zeros(1, 1, 3), nothing, nothing, nothing + 2, dz2)
    assert float(pair_energy(torch.tensor([[[1.0, 2.0, 2.0]]]), charge)) == pytest.approx(energy)


def test_quadrupole_is_the_second_derivative_of_the_monopole_along_z(sample, probe):
    coulomb = sample._replace(c12=sample.c12 * 0, c6=sample.c6 * 0)
    step = torch.tensor([0.0, 0.0, 1e-3])
    below, at, above = (pair_energy(probe + n * step, coulomb._replace(dz2=False)) for n in (-1, 0, 1))
    expected = (below - 2 * at + above) / 1e-6
    # The second difference errs by h^2 / 12 of the fourth derivative, and by rounding.
    torch.testing.assert_close(pair_energy(probe, coulomb._replace(dz2=True)), expected, rtol=1e-5, atol=1e-6)


def test_force_is_minus_gradient_of_energy(sample, probe):
    probe.requires_grad_()
    gradient = torch.autograd.grad(pair_energy(probe, sample).sum(), probe)[0]
    force, _ = pair_force_and_hessian(probe.detach(), sample)
    torch.testing.assert_close(force.movedim(0, -1), -gradient, rtol=1e-9, atol=1e-12)


def test_hessian_is_second_derivative_of_energy(sample, probe):
    _, hessian = pair_force_and_hessian(probe, sample)
    for i in range(3):
        expected = torch.autograd.functional.hessian(lambda p: pair_energy(p[None, None], sample).sum(), probe[0, i])
        torch.testing.assert_close(hessian[:, 0, i], expected[UPPER], rtol=1e-8, atol=1e-10)


def test_single_precision_keeps_the_force_to_a_few_millionths(sample, probe):
    double, _ = pair_force_and_hessian(probe, sample)
    single, _ = pair_force_and_hessian(probe.float(), Sample(*(one.float() for one in sample[:4]), sample.dz2))
    assert (single - double).abs().max() < 3e-6 * max(1, double.abs().max())


def test_element_without_parameters_is_named():
    with pytest.raises(InputError, match="no Lennard-Jones parameters for Xe; known elements: H, C, O"):
        lennard_jones_coefficients(["O", "Xe"], "O")
    with pytest.raises(InputError, match="no Lennard-Jones parameters for a tip of Cu"):
        lennard_jones_coefficients(["O"], "Cu")
