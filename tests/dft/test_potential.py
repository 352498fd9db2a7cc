"""Potentials: what electrostatics demands, the fast route against the exact one, and AFM images from either."""

import numpy as np
import pytest
from ase import Atoms
from clusters import sodium_waters, water
from scipy.spatial.transform import Rotation

from icescope import progress
from icescope.afm import Scan, Tip, simulate
from icescope.dft import electrostatic_potential, fitted, potential, potential_grid
from icescope.dft.density import HARTREE, electron_density
from icescope.dft.potential import BOHR, NEAR, exact_potential, fast_potential, grid_above
from icescope.errors import InputError

COULOMB = HARTREE * BOHR  # V A, of an elementary charge
DEBYE = 0.2081943  # e A
BASIS = "def2-SVP"


@pytest.fixture(scope="module")
def hydrate():
    return sodium_waters(3)


@pytest.fixture(scope="module")
def hydrate_density(hydrate):
    return electron_density(hydrate, charge=1)


def dipole(atoms, spin=0):
    """Along z, e A, of a neutral molecule, from its potential far above and below; higher multipoles cancel."""
    far = 40.0
    points = atoms.get_center_of_mass() + [[0, 0, far], [0, 0, -far]]
    above, below = electrostatic_potential(atoms, points, spin=spin, basis=BASIS)
    return (above - below) / 2 * far**2 / COULOMB


def test_far_from_water_is_its_dipole():
    assert dipole(water()) / DEBYE == pytest.approx(1.937, abs=0.01)  # PySCF without density fitting


def test_far_from_an_open_shell_is_its_dipole():
    """OH has 1.655 D (Peterson et al. 1984, J. Chem. Phys. 81, 1872); a small basis and PBE give 5 % of it."""
    assert dipole(Atoms("OH", [[0, 0, 0], [0, 0, 0.97]]), spin=1) / DEBYE == pytest.approx(1.655, rel=0.05)


def test_far_from_a_cation_is_its_charge():
    atoms = sodium_waters(1)
    direction = np.random.default_rng(0).normal(size=(20, 3))
    points = atoms.positions[0] + 400 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    found = electrostatic_potential(atoms, points, charge=1, xc="PBE", basis=BASIS)
    np.testing.assert_allclose(found, COULOMB / 400, rtol=0.01)


def test_a_positive_charge_is_repelled_by_a_cation_and_by_hydrogens():
    near = electrostatic_potential(Atoms("Na"), [[0, 0, 3.0]], charge=1, basis=BASIS)
    assert near == pytest.approx(COULOMB / 3, rel=0.01)
    z = water().positions[0, 2]
    below, above = electrostatic_potential(water(), [[0.3, -0.2, z - 3], [0.3, -0.2, z + 3]], basis=BASIS)
    assert above > 0.2 and below < -0.2


def test_potential_moves_and_turns_with_the_atoms():
    """Up to the integration grid, whose angles do not turn: less than 0.2 meV."""
    atoms, points = sodium_waters(1), np.random.default_rng(4).uniform(3, 6, (30, 3))
    turn = Rotation.from_rotvec([0.7, -0.4, 1.1])
    found = electrostatic_potential(atoms, points, charge=1, basis=BASIS)
    turned = Atoms(atoms.symbols, turn.apply(atoms.positions) + [5, -8, 3])
    again = electrostatic_potential(turned, turn.apply(points) + [5, -8, 3], charge=1, basis=BASIS)
    np.testing.assert_allclose(again, found, atol=2e-4)
    moved = Atoms(atoms.symbols, atoms.positions + [5, -8, 3])
    again = electrostatic_potential(moved, points + [5, -8, 3], charge=1, basis=BASIS)
    np.testing.assert_allclose(again, found, atol=1e-5)


def test_fast_route_meets_the_exact_one_above_and_around(hydrate, hydrate_density):
    """It is asked for 1 meV rms and 3 meV at most; it is two orders of magnitude better."""
    rng = np.random.default_rng(7)
    low, high = hydrate.positions.min(0) - 3, hydrate.positions.max(0) + 3
    top = hydrate.positions[:, 2].max()
    above = rng.uniform([*low[:2], top + 2], [*high[:2], top + 10], (200, 3))
    around = rng.uniform(low - 4, high + 4, (200, 3))
    points = np.concatenate([above, around])
    error = 1e3 * (fast_potential(hydrate_density, points) - exact_potential(hydrate_density, points))
    for part in (error[:200], error[200:]):
        assert np.sqrt((part**2).mean()) < 0.02 and np.abs(part).max() < 0.1  # meV


def test_points_near_a_nucleus_are_exact(hydrate, hydrate_density):
    points = hydrate.positions + 0.9 * NEAR * np.array([0, 0.6, 0.8])
    exact = exact_potential(hydrate_density, points)
    np.testing.assert_allclose(fast_potential(hydrate_density, points), exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("charge", "spin"), [(-1, 0), (0, 1)])
def test_fast_route_of_an_anion_and_an_open_shell(charge, spin):
    density = electron_density(Atoms("OH", [[0, 0, 0], [0, 0, 0.97]]), charge=charge, spin=spin)
    direction = np.random.default_rng(3).normal(size=(50, 3))
    points = direction / np.linalg.norm(direction, axis=1, keepdims=True) * np.linspace(3, 12, 50)[:, None]
    np.testing.assert_allclose(fast_potential(density, points), exact_potential(density, points), atol=2e-4)


def test_many_points_take_the_fast_route(monkeypatch):
    atoms, points = sodium_waters(1), np.random.default_rng(1).uniform(3.5, 7, (40, 3))
    exact = electrostatic_potential(atoms, points, charge=1, basis=BASIS)
    monkeypatch.setattr(potential, "MANY", 10)
    fast = electrostatic_potential(atoms, points, charge=1, basis=BASIS)
    assert 0 < np.abs(fast - exact).max() < 1e-4
    np.testing.assert_array_equal(electrostatic_potential(atoms, points, 1, basis=BASIS, exact=True), exact)


def test_grid_holds_potential_and_field():
    atoms = sodium_waters(1)
    axes = grid_above(atoms, step=0.3, heights=(2.0, 6.0), beside=1.0)
    exact = potential_grid(atoms, *axes, charge=1, basis=BASIS, exact=True)
    fast = potential_grid(atoms, *axes, charge=1, basis=BASIS)
    assert fast.potential.dims == ("x", "y", "z") and fast.field.dims == ("x", "y", "z", "xyz")
    np.testing.assert_allclose(fast.potential, exact.potential, atol=3e-3)
    i, j, k = 5, 4, 6
    at = np.array([axis[n] for axis, n in zip(axes, (i, j, k), strict=True)])
    h = 1e-3
    points = np.concatenate([at + h * np.eye(3), at - h * np.eye(3)])
    values = electrostatic_potential(atoms, points, charge=1, basis=BASIS)
    np.testing.assert_allclose(fast.field[i, j, k], -(values[:3] - values[3:]) / (2 * h), atol=3e-3)
    assert fast.attrs["route"] == "fast" and fast.attrs["error_max_meV"] < 3
    assert fast.attrs["functional"] == "PBE" and fast.attrs["charge"] == 1 and "PySCF" in fast.attrs["code"]


def test_a_grid_near_a_nucleus_is_exact_and_says_so():
    axes = [place + np.linspace(-0.2, 0.2, 5) for place in water().positions[0] - [0, 0, 1.5]]
    fast = potential_grid(water(), *axes, basis="sto-3g")
    exact = potential_grid(water(), *axes, basis="sto-3g", exact=True)
    np.testing.assert_allclose(fast.potential, exact.potential, rtol=0, atol=1e-10)
    assert fast.attrs["error_rms_meV"] == fast.attrs["error_max_meV"] == 0


def test_each_stage_reports_its_progress(monkeypatch, caplog):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(fitted, "BLOCK", 100)
    axes = [np.linspace(3, 5, 7)] * 3
    with caplog.at_level("INFO", logger="icescope"):
        cycles = potential_grid(water(), *axes, basis="sto-3g").attrs["cycles"]
    said = [record.getMessage() for record in caplog.records]
    assert f"self-consistent field of H2O: cycle: {cycles}" in said
    assert f"density of H2O: converged in {cycles} cycles (remedy: none)" in said
    assert "potential of the fit: 4 of 4, about 0 s left" in said
    assert any(line.startswith("integrals of the density: 1 of ") for line in said)


@pytest.mark.parametrize("multipole", ["monopole", "dz2"])
def test_images_from_the_grid_are_those_from_exact_potentials_on_a_finer_one(multipole):
    """Probe from 2.1 A above the highest atom; images with d_z2, which feels the second derivative, span 11 Hz."""
    atoms = sodium_waters(2)
    top = atoms.positions[:, 2].max()
    x, y = np.linspace(-1.2, 1.8, 7), np.linspace(-1.2, 1.2, 6)
    scan = Scan(x, y, top + 4 + np.arange(2.6, 5.2, 0.1))
    tip = Tip(charge=-0.05, multipole=multipole)
    corners = [(x[0] - 1.6, x[-1] + 1.6), (y[0] - 1.6, y[-1] + 1.6), (top + 2.3, top + 5.3)]

    def stack(step, exact):
        axes = [np.linspace(*ends, int(np.ceil((ends[1] - ends[0]) / step)) + 1) for ends in corners]
        grid = potential_grid(atoms, *axes, charge=1, basis=BASIS, exact=exact)
        return simulate(atoms, tip, scan, 0.5, potential=grid.potential, method="reference")

    coarse, fine = stack(0.25, False), stack(0.18, True)
    assert not fine.unconverged and not coarse.unconverged
    error = np.abs(coarse.frequency_shift - fine.frequency_shift)
    assert np.percentile(error, 99) < 0.002 and np.ptp(fine.frequency_shift.values) > 1  # Hz


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (np.zeros(3), r"array \(n, 3\)"),
        (np.full((2, 3), np.nan), "finite"),
        (water().positions[:1], r"at the nucleus of atom 0 \(O\)"),
    ],
)
def test_points_that_have_no_potential_are_refused(points, sentence):
    with pytest.raises(InputError, match=sentence):
        electrostatic_potential(water(), points)


def test_no_points_have_no_potential():
    assert electrostatic_potential(water(), np.zeros((0, 3)), basis="sto-3g").shape == (0,)


@pytest.mark.parametrize("z", [np.arange(4), -np.arange(6.0), [0, 1, 2, 3, np.inf], np.zeros((5, 5))])
def test_a_grid_must_ascend(z):
    with pytest.raises(InputError, match="grid's z must be 5 or more ascending numbers"):
        potential_grid(water(), np.arange(5), np.arange(5), z)


@pytest.mark.parametrize("step", [0.01, 1e-6, 1e-200])
def test_a_grid_of_too_many_points_is_refused(step):
    with pytest.raises(InputError, match="points are too many at a time; raise the step or narrow the heights"):
        grid_above(water(), step)
    with pytest.raises(InputError, match="1000 x 1000 x 1000 points are too many at a time"):
        potential_grid(water(), *[np.arange(1000.0)] * 3)
