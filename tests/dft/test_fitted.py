"""The fitted density in closed form, against PySCF's own integrals."""

import numpy as np
import pytest
from clusters import sodium_waters, water
from pyscf import df, gto

from icescope.dft.density import electron_density
from icescope.dft.fitted import AUXILIARY_BASIS, _tabulated, fit_density, fitted_potential


@pytest.mark.parametrize("reach", [3.0, 12.0, 60.0])  # bohr; functions in closed form, and multipoles
def test_each_harmonic_has_the_potential_of_its_integral(reach):
    """K has functions up to l = 4 or more; random coefficients weigh them all."""
    molecule = gto.M(atom="K 0 0 0; O 0.3 0.4 2.7", charge=-1, spin=0, basis="def2-SVP", verbose=0)
    auxiliary = df.make_auxmol(molecule, AUXILIARY_BASIS)
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


def test_the_fit_keeps_the_number_of_electrons():
    density = electron_density(sodium_waters(1), charge=1, basis="def2-SVP")
    fit = fit_density(density)
    assert fit.multipole[:, 0].sum() / np.sqrt(4 * np.pi) == pytest.approx(density.molecule.nelectron, abs=1e-9)


def test_order_of_the_points_does_not_matter():
    fit = fit_density(electron_density(water(), basis="sto-3g"))
    points = np.random.default_rng(1).uniform(-8, 8, (50, 3))
    np.testing.assert_array_equal(fitted_potential(fit, points)[::-1], fitted_potential(fit, points[::-1]))
