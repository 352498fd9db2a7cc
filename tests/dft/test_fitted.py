"""The fitted density in closed form, against PySCF's own integrals."""

import numpy as np
import pytest
from clusters import sodium_waters, water
from pyscf import df, gto
from scipy.spatial import KDTree

from icescope.dft.density import HARTREE, electron_density
from icescope.dft.fitted import _tabulated, auxiliary_basis, fit_density, fitted_potential
from icescope.dft.potential import BOHR, exact_potential


@pytest.mark.parametrize("reach", [3.0, 12.0, 60.0])  # bohr; functions in closed form, and multipoles
def test_each_harmonic_has_the_potential_of_its_integral(reach):
    """K has functions up to l = 4 or more; random coefficients weigh them all."""
    molecule = gto.M(atom="K 0 0 0; O 0.3 0.4 2.7", charge=-1, spin=0, basis="def2-SVP", verbose=0)
    auxiliary = df.make_auxmol(molecule, auxiliary_basis(molecule.elements))
    rng = np.random.default_rng(2)
    coefficient = rng.normal(size=auxiliary.nao)
    direction = rng.normal(size=(60, 3))
    points = reach * direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(0.3, 1, (60, 1))
    electrons = gto.intor_cross("int2c2e", auxiliary, gto.fakemol_for_charges(points)).T @ coefficient
    distance = np.linalg.norm(points[:, None] - auxiliary.atom_coords(), axis=-1)
    nuclei = (auxiliary.atom_charges() / distance).sum(1)
    found = fitted_potential(_tabulated(auxiliary, coefficient), points)
    scale = np.abs(electrons).max()
    np.testing.assert_allclose(found, nuclei - electrons, atol=1e-7 * scale)


def fitted(density, count=300):
    """Fit to the potential at points 2 to 5 A around."""
    nuclei = density.molecule.atom_coords() * BOHR
    points = np.random.default_rng(3).uniform(nuclei.min(0) - 5, nuclei.max(0) + 5, (count, 3))
    points = points[KDTree(nuclei).query(points)[0] > 2]
    return fit_density(density, points / BOHR, exact_potential(density, points) / HARTREE)


@pytest.mark.parametrize("count", [0, 300])
def test_the_fit_keeps_the_number_of_electrons(count):
    density = electron_density(sodium_waters(1), charge=1, basis="def2-SVP")
    fit = fitted(density, count)
    assert fit.multipole[:, 0].sum() / np.sqrt(4 * np.pi) == pytest.approx(density.molecule.nelectron, abs=1e-9)


def test_the_fit_without_points_is_that_of_the_coulomb_metric():
    """It is some meV off outside; the points bring it down by two orders of magnitude."""
    density = electron_density(sodium_waters(1), charge=1, basis="def2-SVP")
    points = np.random.default_rng(5).uniform(4, 8, (100, 3))
    exact = exact_potential(density, points)
    alone, both = (
        np.abs(fitted_potential(fitted(density, count), points / BOHR) * HARTREE - exact).max() for count in (0, 2000)
    )
    assert 1e-5 < alone < 5e-3 and both < alone / 20  # V


def test_order_of_the_points_does_not_matter():
    fit = fitted(electron_density(water(), basis="sto-3g"))
    points = np.random.default_rng(1).uniform(-8, 8, (50, 3))
    np.testing.assert_array_equal(fitted_potential(fit, points)[::-1], fitted_potential(fit, points[::-1]))
