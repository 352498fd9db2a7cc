import numpy as np
import pytest
import torch

from icescope.afm.energy_grid import (
    EnergyGrid,
    grid_energy,
    grid_force_and_hessian,
    inside,
    second_derivative,
    spline_coefficients,
)

UPPER = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2])
STEP = np.array([0.2, 0.25, 0.3])
COUNT = (9, 8, 7)


def nodes():
    return torch.meshgrid(*(torch.arange(n).double() * h for n, h in zip(COUNT, STEP, strict=True)), indexing="ij")


def grid_of(values):
    return EnergyGrid(
        spline_coefficients(values)[None],
        torch.zeros(1, 3).double(),
        torch.tensor(STEP)[None],
        torch.tensor(COUNT)[None] - 1.0,
    )


@pytest.fixture
def probe():
    span = torch.tensor(STEP) * (torch.tensor(COUNT) - 1)
    return torch.rand(1, 30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(11)) * span


def cubic(x, y, z):
    return 1 + x * y**2 - 2 * z**3 + x**3 * z - y * z


def test_cubic_polynomial_is_met_exactly_up_to_the_ends(probe):
    grid = grid_of(cubic(*nodes()))
    torch.testing.assert_close(grid_energy(probe, grid), cubic(*probe.unbind(-1)), rtol=0, atol=1e-12)


def test_force_and_hessian_are_derivatives_of_the_energy(probe):
    x, y, z = nodes()
    grid = grid_of(torch.sin(2 * x) * torch.cos(3 * y) * torch.exp(-z))
    force, hessian = grid_force_and_hessian(probe, grid)
    at = probe.clone().requires_grad_()
    gradient = torch.autograd.grad(grid_energy(at, grid).sum(), at)[0]
    torch.testing.assert_close(force.movedim(0, -1), -gradient)
    for i in range(3):
        expected = torch.autograd.functional.hessian(lambda p: grid_energy(p[None, None], grid).sum(), probe[0, i])
        torch.testing.assert_close(hessian[:, 0, i], expected[UPPER])


def test_second_derivative_is_exact_for_a_polynomial_of_fifth_degree():
    z = torch.arange(9).double() * 0.3
    values = (z**5 - 2 * z**2).expand(2, 3, 9)
    torch.testing.assert_close(second_derivative(values, 0.3), (20 * z**3 - 4).expand(2, 3, 9), rtol=0, atol=1e-9)


def test_probe_beyond_the_nodes_is_outside():
    grid = grid_of(torch.zeros(COUNT).double())
    at = torch.tensor([[[0, 0, 0], [1.59, 1.74, 1.79], [-0.01, 0.5, 0.5], [0.5, 0.5, 1.81]]], dtype=torch.float64)
    assert inside(at, grid).tolist() == [[True, True, False, False]]
