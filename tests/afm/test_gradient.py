import numpy as np
import pytest
import torch
from water import layer

from icescope.afm import Scan, Tip, simulate, simulate_tensor

X = np.linspace(0.0, 9.0, 7)
SCAN = Scan(X, X, np.arange(7.3, 8.75, 0.2))
TIP = {"charge": -0.05, "lateral_stiffness": 0.5, "radial_stiffness": 20.0, "length": 4.0, "tilt": (0.1, -0.2)}
NAMES = ("position", "initial_charge", "charge", "lateral_stiffness", "radial_stiffness", "length", "tilt_x", "tilt_y")
STEP = 1e-4


def parameters(atoms):
    values = [atoms.positions, atoms.get_initial_charges(), *list(TIP.values())[:4], *TIP["tilt"]]
    return [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]


def loss(atoms, values, multipole, method):
    """A sum of the stack with fixed random weights, so that no two pixels' errors can hide each other."""
    position, initial, charge, lateral, radial, length, *tilt = values
    tip = Tip("O", charge, multipole, lateral, radial, length, tuple(tilt))
    stack = simulate_tensor(atoms, tip, SCAN, 0.4, position=position, charge=initial, method=method)
    weights = torch.randn(stack.shape, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
    return (stack * weights).sum()


@pytest.fixture(scope="module", params=[False, (True, True, False)], ids=["cluster", "plane"])
def atoms(request):
    atoms = layer(3, seed=1)
    atoms.pbc = request.param
    return atoms


@pytest.mark.parametrize("multipole", ["monopole", "dz2"])
def test_gradients_are_those_of_central_differences(atoms, multipole):
    values = parameters(atoms)
    gradients = torch.autograd.grad(loss(atoms, values, multipole, "reference"), values)
    charge_step = torch.zeros(len(atoms), dtype=torch.float64)
    charge_step[0], charge_step[4] = 1, -1  # a periodic cell stays neutral
    position_step = torch.randn(len(atoms), 3, generator=torch.Generator().manual_seed(13), dtype=torch.float64)
    directions = [position_step, charge_step, *[torch.ones(())] * 6]
    for which, (name, direction) in enumerate(zip(NAMES, directions, strict=True)):
        both = []
        for sign in (1, -1):
            moved = [value.detach().clone() for value in values]
            moved[which] += sign * STEP * direction
            both.append(float(loss(atoms, moved, multipole, "reference")))
        expected = (both[0] - both[1]) / (2 * STEP)
        assert float((gradients[which] * direction).sum()) == pytest.approx(expected, rel=1e-3), name


@pytest.mark.parametrize("method", ["numba", "torch"])
def test_single_precision_gives_the_same_gradients(atoms, method):
    values = parameters(atoms)
    reference, single = (torch.autograd.grad(loss(atoms, values, "dz2", one), values) for one in ("reference", method))
    for name, exact, found in zip(NAMES, reference, single, strict=True):
        # Of a sum in which pixels of either sign cancel.
        assert float((exact - found).norm() / exact.norm()) < 1e-3, name


def test_tensor_is_the_stack_that_simulate_gives(atoms):
    expected = simulate(atoms, Tip(**TIP), SCAN, 0.4, method="torch").frequency_shift.values
    np.testing.assert_allclose(simulate_tensor(atoms, Tip(**TIP), SCAN, 0.4, method="torch"), expected, atol=1e-6)


def test_refining_a_displaced_molecule_by_gradients_finds_it_again():
    # What gradients are for: one molecule is 0.3 A off, and the images of the true structure are known.
    atoms = layer(2, seed=3)
    atoms.pbc = False
    scan = Scan(np.linspace(0, 6, 13), np.linspace(0, 6, 13), np.arange(7.5, 8.75, 0.2))
    truth = torch.tensor(atoms.positions)
    with torch.no_grad():
        images = simulate_tensor(atoms, Tip(), scan, 0.4)
    shift = torch.tensor([0.25, -0.15, 0.05], dtype=torch.float64, requires_grad=True)
    moves = torch.zeros(len(atoms), 1, dtype=torch.float64)
    moves[:3] = 1
    optimiser = torch.optim.LBFGS([shift], max_iter=20, line_search_fn="strong_wolfe")

    def misfit():
        optimiser.zero_grad()
        value = (simulate_tensor(atoms, Tip(), scan, 0.4, position=truth + moves * shift) - images).square().mean()
        value.backward()
        return value

    optimiser.step(misfit)
    assert shift.detach().abs().max() < 5e-3
