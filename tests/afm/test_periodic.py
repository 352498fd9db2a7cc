import numpy as np
import pytest
import torch
from ase import Atoms
from water import layer

from icescope.afm import Scan, Tip, periodic, sample, simulate
from icescope.afm.interaction import COULOMB
from icescope.afm.periodic import LINE_REACH, REACH, further_dispersion, further_potential, images

X = np.arange(0.5, 9, 1.0)
HEIGHTS = np.arange(6.9, 10.05, 0.1)
# Hz: single precision; the sums themselves agree to 1e-5.
ROUNDING = 2e-4
TIPS = [Tip(), Tip(multipole="dz2", charge=-0.1)]


@pytest.fixture(scope="module")
def water():
    return layer(4, seed=8)


def images_of(atoms, tip, x=X, y=X):
    return simulate(atoms, tip, Scan(x, y, HEIGHTS), amplitude=1.0).frequency_shift.values


@pytest.mark.parametrize("tip", TIPS, ids=lambda tip: tip.multipole)
@pytest.mark.parametrize("pbc", [(True, True, False), (True, False, False)], ids=["plane", "line"])
def test_moved_scan_supercell_and_skew_cell_give_the_same_images(water, tip, pbc):
    water = water.copy()
    water.pbc = pbc
    reference, side = images_of(water, tip), water.cell[0, 0]
    for cells in (2, 40):
        np.testing.assert_allclose(images_of(water, tip, X + cells * side), reference, atol=ROUNDING)
    np.testing.assert_allclose(images_of(water.repeat((2, 1, 1)), tip), reference, atol=ROUNDING)
    if pbc[1]:
        skew = water.copy()
        skew.set_cell([[side, 0, 0], [side, side, 0], [0, 0, 20]])
        np.testing.assert_allclose(images_of(skew, tip), reference, atol=ROUNDING)
    alone = water.copy()
    alone.pbc = False
    assert np.abs(images_of(alone, tip) - reference).max() > 100 * ROUNDING


@pytest.mark.parametrize("tip", TIPS, ids=lambda tip: tip.multipole)
def test_what_lies_beyond_the_near_images_is_in_the_grid(water, tip, monkeypatch):
    # Twice the reach, half the screening and a finer grid: the same sums, cut elsewhere.
    reference = simulate(water, tip, Scan(X, X, HEIGHTS), method="reference").frequency_shift
    for name, value in (("REACH", 32.0), ("DISPERSION_REACH", 60.0), ("SCREENING", 0.14), ("SPACING", 0.7)):
        monkeypatch.setattr(periodic, name, value)
    monkeypatch.setattr(periodic.images, "__defaults__", (32.0,))
    monkeypatch.setattr(sample, "SPACING", 0.7)
    finer = simulate(water, tip, Scan(X, X, HEIGHTS), method="reference").frequency_shift
    np.testing.assert_allclose(finer, reference, atol=2e-4)


def test_images_are_those_within_reach_of_the_rectangle(water):
    low, high = np.array([-5.0, 2.0]), np.array([3.0, 4.0])
    index, shift = images(water.positions, water.cell[:2, :2], low, high)
    at = water.positions[index, :2] + shift[:, :2]
    assert ((at >= low - REACH) & (at <= high + REACH)).all()
    # As many to the area as in the cell.
    expected = len(water) * np.prod(high - low + 2 * REACH) / np.prod(water.cell.lengths()[:2])
    assert len(index) == pytest.approx(expected, rel=0.05)
    assert len(set(zip(index, *shift.T.round(3), strict=True))) == len(index)


@pytest.mark.parametrize("pbc", [(True, True, False), (True, False, False)], ids=["plane", "line"])
def test_an_atom_on_a_point_of_the_grid_is_no_other_than_one_beside_it(pbc):
    """Points of the grid are 1 A apart and often on an atom at a round place."""
    water = Atoms("OH2", [[5.5, 5.5, 0.0], [6.5, 5.5, 0.0], [5.5, 6.5, 0.0]], cell=[11, 11, 20], pbc=pbc)
    water.set_initial_charges([-0.8, 0.4, 0.4])
    x, heights = np.arange(0.5, 11, 1.0), np.arange(6.5, 9.55, 0.1)
    on, beside = water.copy(), water.copy()
    beside.positions += [0.001, 0.002, 0.0]
    axes = [np.arange(12.0) - 0.5, np.arange(12.0) - 0.5, np.arange(-2.0, 3.0)]
    vectors, low, high = water.cell[:2, :2][list(pbc[:2])], np.zeros(2), np.full(2, 11.0)
    for further, weight in ((further_potential, water.get_initial_charges()), (further_dispersion, np.ones(3))):
        exact, moved = (
            further(torch.from_numpy(one.positions), torch.from_numpy(weight), vectors, low, high, axes).numpy()
            for one in (on, beside)
        )
        np.testing.assert_allclose(exact, moved, atol=2e-3 * np.abs(moved).max())  # moved by 0.002 of some A
    images = [simulate(one, Tip(), Scan(x, x, heights), amplitude=0.5).frequency_shift.values for one in (on, beside)]
    np.testing.assert_allclose(*images, atol=0.02 * np.ptp(images[1]))


def test_plane_of_charges_has_the_potential_of_its_plane_waves():
    # Above a square lattice of +q and -q at the corners and the centre, V = (4 pi k q / a^2) sum_G exp(-G z) (...) / G,
    # of which the first star, G = 2 pi / a, is all that is left some lattice constants away.
    a, q, z = 5.0, 0.5, 5.0
    position = torch.tensor([[0, 0, 0], [a / 2, a / 2, 0]], dtype=torch.float64)
    charge = torch.tensor([q, -q], dtype=torch.float64)
    axes = [np.array([0.0, 1.25]), np.array([0.0, 2.0]), np.array([z, z + 1])]
    area = np.zeros(2), np.array([1.25, 2.0])
    index, shift = images(position.numpy(), np.eye(2) * a, *area)
    near = position[index] + torch.from_numpy(shift)
    points = torch.cartesian_prod(*(torch.from_numpy(axis) for axis in axes))
    direct = COULOMB * ((1 / torch.cdist(points, near)) @ charge[index]).view(2, 2, 2)
    total = direct + further_potential(position, charge, np.eye(2) * a, *area, axes)
    x, y, height = np.meshgrid(*axes, indexing="ij")
    expected = np.zeros_like(x)
    for i in range(-6, 7):
        for j in range(-6, 7):
            if (i + j) % 2:  # structure factor 1 - exp(-i pi (i + j))
                g = 2 * np.pi / a * np.hypot(i, j)
                wave = np.cos(2 * np.pi / a * (i * x + j * y)) * np.exp(-g * height)
                expected += 2 * np.pi * COULOMB / a**2 * 2 * q * wave / g
    np.testing.assert_allclose(total, expected, atol=1e-7)


def test_potential_of_a_slab_far_above_it_is_that_of_its_dipole_layer():
    # Half of 4 pi k (dipole / area), on either side of the slab.
    position = torch.tensor([[0.0, 0, 0], [1.0, 2.0, 0.7]], dtype=torch.float64)
    charge = torch.tensor([-0.4, 0.4], dtype=torch.float64)
    vectors = np.array([[4.0, 0.0], [1.0, 4.5]])
    axes = [np.array([0.0]), np.array([1.0]), np.array([-30.0, 30.0])]
    index, shift = images(position.numpy(), vectors, np.zeros(2), np.ones(2))
    near = position[index] + torch.from_numpy(shift)
    points = torch.tensor([[0.0, 1.0, -30.0], [0.0, 1.0, 30.0]], dtype=torch.float64)
    direct = COULOMB * (1 / torch.cdist(points, near)) @ charge[index]
    far = direct + further_potential(position, charge, vectors, np.zeros(2), np.ones(2), axes)[0, 0]
    expected = 2 * np.pi * COULOMB * 0.4 * 0.7 / 18.0
    np.testing.assert_allclose(far, [-expected, expected], rtol=1e-9)


def test_further_images_of_a_line_are_all_but_the_near_ones():
    position = torch.tensor([[0.0, 0, 0], [0.3, 0.5, 0.2]], dtype=torch.float64)
    charge = torch.tensor([0.5, -0.5], dtype=torch.float64)
    axes = [np.array([0.5]), np.array([0.2]), np.array([6.0])]
    further = float(further_potential(position, charge, np.array([[4.0, 0.0]]), np.zeros(2), np.ones(2), axes))
    cells = 4.0 * np.arange(-5 * LINE_REACH // 4, 5 * LINE_REACH // 4 + 1)
    far = [(q, c) for q, p in zip(charge, position, strict=True) for c in cells if not -REACH <= p[0] + c <= 1 + REACH]
    place = {0.5: position[0], -0.5: position[1]}
    r = [np.linalg.norm(np.array([0.5, 0.2, 6.0]) - place[float(q)].numpy() - [c, 0, 0]) for q, c in far]
    # What is left out beyond LINE_REACH falls as its inverse square; 2e-5 V on the probe's 0.05 e is 1e-6 eV.
    assert further == pytest.approx(COULOMB * sum(float(q) / d for (q, _), d in zip(far, r, strict=True)), abs=2e-5)
