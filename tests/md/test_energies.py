"""Energies and forces of OpenMM against formulas, a plain Ewald sum, and NIST's reference configuration."""

import os
from itertools import product
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.units import kB, nm
from scipy.special import erf, erfc

from icescope.errors import InputError
from icescope.md.engines import engine
from icescope.md.force_field import species_table, water_model
from icescope.md.model import Model
from icescope.md.openmm_system import molecular_system
from icescope.structures.ice import ice_ih

COULOMB = 14.399645  # eV A
DATA = Path(os.environ.get("ICESCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
NIST = DATA / "nist_spce" / "spce_sample_config_periodic1.xyz"
NIST_ENERGIES = {  # E/kB, K, of configuration 1
    "lennard_jones": 9.95387e4,
    "tail": -8.23715e2,
    "fourier": 6.27009e3,
    "real": -5.58889e5,
    "self": -2.84469e6,
    "intra": 2.80999e6,
}
MODEL = Model(water="spce", lj_cutoff=6.0, coulomb_cutoff=6.0, ewald_tolerance=1e-5)


def plain_sums(positions, edge, cutoff, alpha, k_squared):
    """Energies, eV, of SPC/E water in a cube, term by term: truncated Lennard-Jones, its tail, and Ewald's sum.

    Positions (molecule, 3, 3), A, whole; alpha in 1/A; wave vectors 2 pi n/edge with 0 < n^2 < k_squared. Formulas:
    Allen and Tildesley, Computer Simulation of Liquids (2017), sections 2.8 and 6.2.
    """
    water = water_model("spce")
    count = len(positions)
    charges = np.tile(water.charges, count)
    sites = positions.reshape(-1, 3)
    molecule = np.repeat(np.arange(count), 3)
    gap = sites[:, None] - sites
    gap -= edge * np.round(gap / edge)
    r = np.linalg.norm(gap, axis=-1)
    pairs = np.triu(molecule[:, None] != molecule, 1) & (r < cutoff)
    oxygens = r[::3, ::3][np.triu(np.ones((count, count), dtype=bool), 1)]
    power = (water.sigma / oxygens[oxygens < cutoff]) ** 6
    inverse = (water.sigma / cutoff) ** 3
    volume = edge**3
    tail = 8 / 3 * np.pi * count**2 / volume * water.epsilon * water.sigma**3 * (inverse**3 / 3 - inverse)
    product_of_charges = charges[:, None] * charges
    within = np.triu(molecule[:, None] == molecule, 1)
    largest = int(np.ceil(np.sqrt(k_squared)))
    integers = np.array([n for n in product(range(-largest, largest + 1), repeat=3) if 0 < np.dot(n, n) < k_squared])
    waves = 2 * np.pi * integers / edge
    k2 = (waves**2).sum(axis=1)
    structure = np.abs(np.exp(1j * waves @ sites.T) @ charges) ** 2
    return {
        "lennard_jones": 4 * water.epsilon * (power**2 - power).sum(),
        "tail": tail,
        "fourier": COULOMB * 2 * np.pi / volume * (np.exp(-k2 / (4 * alpha**2)) / k2 * structure).sum(),
        "real": COULOMB * (product_of_charges[pairs] * erfc(alpha * r[pairs]) / r[pairs]).sum(),
        "self": -COULOMB * alpha / np.sqrt(np.pi) * (charges**2).sum(),
        "intra": -COULOMB * (product_of_charges[within] * erf(alpha * r[within]) / r[within]).sum(),
    }


def openmm_tail(molecules):
    """OpenMM's tail over the usual one: it averages C6 over all pairs of particles, each with itself included.

    0.7 % for 100 molecules, less than 1e-5 of their total energy.
    """
    return (1 + 1 / molecules) / (1 + 1 / (3 * molecules))


def charged(terms):
    return sum(terms[name] for name in ("fourier", "real", "self", "intra"))


def scattered_water(count, edge, seed):
    """Molecules of SPC/E turned at random on a cubic lattice."""
    rng = np.random.default_rng(seed)
    molecule = ice_ih([1, 1, 1], seed=1, water="spce").positions[:3]
    across = round(count ** (1 / 3))
    corners = np.array(list(product(range(across), repeat=3))) * edge / across
    turns = np.linalg.qr(rng.normal(size=(len(corners), 3, 3)))[0]
    turns *= np.linalg.det(turns)[:, None, None]
    positions = corners[:, None] + (molecule - molecule[0]) @ turns + rng.normal(scale=0.1, size=(len(corners), 1, 3))
    return Atoms("OHH" * len(corners), positions.reshape(-1, 3), cell=[edge] * 3, pbc=True)


@pytest.fixture(scope="module")
def nist():
    """100 SPC/E molecules, L = 20 A; NIST's cut-off is 10 A, its alpha 5.6/L, its wave vectors have n^2 < 27."""
    if not NIST.is_file():
        pytest.skip(f"{NIST} is not here; set ICESCOPE_SHARED_DATA")
    positions = np.loadtxt(NIST, skiprows=2, usecols=(1, 2, 3)).reshape(-1, 3, 3)
    arms = positions - positions[:, :1]
    positions -= 20.0 * np.round(arms / 20.0)
    return Atoms("OHH" * len(positions), positions.reshape(-1, 3), cell=[20.0] * 3, pbc=True)


def test_plain_sums_are_nists_term_by_term(nist):
    terms = plain_sums(nist.positions.reshape(-1, 3, 3), 20.0, cutoff=10.0, alpha=5.6 / 20.0, k_squared=27)
    for name, reference in NIST_ENERGIES.items():
        assert terms[name] / kB == pytest.approx(reference, rel=1e-4), name
    assert sum(terms.values()) / kB == pytest.approx(-4.88604e5, rel=1e-4)


def test_openmm_gives_nists_energies(nist):
    """The Coulomb sum within 5e-4: NIST's ends where its terms have fallen by exp(-(5 pi/5.6)^2) = 4e-4."""
    model = Model(water="spce", lj_cutoff=10.0, coulomb_cutoff=10.0, ewald_tolerance=1e-5)
    energies, _ = engine("openmm").energy_and_forces(nist, model)
    assert energies["lennard_jones"] / kB == pytest.approx(NIST_ENERGIES["lennard_jones"], rel=1e-4)
    assert energies["tail"] / kB == pytest.approx(NIST_ENERGIES["tail"] * openmm_tail(100), rel=1e-4)
    assert energies["coulomb"] / kB == pytest.approx(charged(NIST_ENERGIES), rel=5e-4)


def test_openmm_is_the_converged_plain_sum():
    edge = 12.4
    atoms = scattered_water(64, edge, seed=5)
    terms = plain_sums(atoms.positions.reshape(-1, 3, 3), edge, cutoff=6.0, alpha=0.6, k_squared=120)
    energies, _ = engine("openmm").energy_and_forces(atoms, MODEL)
    assert energies["lennard_jones"] == pytest.approx(terms["lennard_jones"], rel=1e-4)
    assert energies["tail"] == pytest.approx(terms["tail"] * openmm_tail(64), rel=1e-4)
    assert energies["coulomb"] == pytest.approx(charged(terms), rel=1e-4)


def test_the_components_add_up_to_the_potential_energy_of_a_run():
    atoms = ice_ih([2, 2, 2], seed=3)
    model = Model(lj_cutoff=6.0, coulomb_cutoff=6.0)
    system = molecular_system(atoms, model, atoms.cell.array)
    context = engine("openmm")._context(system, openmm.VerletIntegrator(0.001))
    context.setPositions(np.concatenate([atoms.positions, np.zeros((system.sites, 3))]) / nm)
    context.computeVirtualSites()
    whole = context.getState(energy=True).getPotentialEnergy()._value
    energies, _ = engine("openmm").energy_and_forces(atoms, model)
    assert sum(energies.values()) * 96.4853 == pytest.approx(whole, rel=1e-5)


def test_dimer_energy_is_lennard_jones_plus_coulomb_between_the_molecules():
    half = np.radians(109.47 / 2)
    molecule = np.array([[0, 0, 0], [np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]])
    one, other = molecule, molecule + np.array([0.3, 2.9, 0.4])
    model = Model(water="spce", lj_cutoff=29.0, coulomb_cutoff=29.0, tail=False, ewald_tolerance=1e-6)

    def total(*molecules):
        atoms = Atoms("OHH" * len(molecules), np.concatenate(molecules), cell=[60.0] * 3, pbc=True)
        return sum(engine("openmm").energy_and_forces(atoms, model)[0].values())

    bound = total(one, other) - total(one) - total(other)
    oxygen = species_table()["O"]
    charges = np.array([-0.8476, 0.4238, 0.4238])
    r = np.linalg.norm(one[:, None] - other, axis=-1)
    power = (oxygen.sigma / r[0, 0]) ** 6
    expected = 4 * oxygen.epsilon * (power**2 - power) + COULOMB * (charges[:, None] * charges / r).sum()
    assert bound == pytest.approx(expected, abs=2e-4)  # eV; dipoles of the images at 60 A


@pytest.mark.parametrize("water", ["spce", "tip4p_ice"])
def test_force_is_minus_the_gradient_of_the_energy(water):
    """By central differences; the site M passes its force on to O and H."""
    atoms = ice_ih([2, 2, 2], seed=3, water=water)
    atoms.positions += np.random.default_rng(1).normal(scale=0.05, size=atoms.positions.shape)
    model = Model(water=water, lj_cutoff=6.0, coulomb_cutoff=6.0, ewald_tolerance=1e-5)
    forces = engine("openmm").energy_and_forces(atoms, model)[1]

    def energy(index, axis, shift):
        moved = atoms.copy()
        moved.positions[index, axis] += shift
        return sum(engine("openmm").energy_and_forces(moved, model)[0].values())

    for index, axis in ((0, 0), (1, 1), (5, 2), (300, 0)):
        slope = (energy(index, axis, 0.01) - energy(index, axis, -0.01)) / 0.02
        assert forces[index, axis] == pytest.approx(-slope, abs=0.02)  # of up to 4 eV/A; single precision


def test_an_ion_in_water_has_its_table_row():
    """A sodium ion far from one molecule: its Lennard-Jones energy with the oxygen by mixed parameters."""
    water = ice_ih([1, 1, 1], seed=1, water="spce")[:3]
    atoms = water + Atoms(["Na", "Cl"], [water.positions[0] + [2.4, 0, 0], water.positions[0] + [0, 0, 15]])
    atoms.set_cell([30.0] * 3)
    model = Model(water="spce", lj_cutoff=12.0, coulomb_cutoff=12.0, tail=False)
    sodium, oxygen = species_table()["Na"], species_table()["O"]
    power = ((sodium.sigma + oxygen.sigma) / 2 / 2.4) ** 6
    expected = 4 * np.sqrt(sodium.epsilon * oxygen.epsilon) * (power**2 - power)
    assert engine("openmm").energy_and_forces(atoms, model)[0]["lennard_jones"] == pytest.approx(expected, rel=1e-3)


def test_fixed_atoms_have_no_force_and_no_energy_among_themselves():
    atoms = ice_ih([2, 2, 2], seed=3)
    model = Model(lj_cutoff=6.0, coulomb_cutoff=6.0, ewald_tolerance=1e-5)
    free = engine("openmm").energy_and_forces(atoms, model)[0]
    fixed = list(range(150))
    alone = engine("openmm").energy_and_forces(atoms[fixed], model)[0]
    atoms.set_constraint(FixAtoms(fixed))
    energies, forces = engine("openmm").energy_and_forces(atoms, model)
    assert (forces[fixed] == 0).all() and (forces[150:] != 0).all()
    for name in ("lennard_jones", "coulomb"):
        assert energies[name] == pytest.approx(free[name] - alone[name], rel=1e-4)
    assert energies["tail"] == free["tail"]


def test_lj_pme_holds_the_dispersion_that_the_tail_estimates():
    atoms = ice_ih([3, 3, 3], seed=3)
    tail, ewald = (
        engine("openmm").energy_and_forces(atoms, Model(lj_cutoff=9.0, coulomb_cutoff=9.0, tail=not pme, lj_pme=pme))[0]
        for pme in (False, True)
    )
    assert ewald["tail"] == 0
    missing = ewald["lennard_jones"] - tail["lennard_jones"]
    assert missing == pytest.approx(tail["tail"], rel=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": Model(lj_cutoff=12.0)}, "OpenMM has one cut-off"),
        ({"model": Model(lj_cutoff=9.0, coulomb_cutoff=9.0)}, "smaller than twice the cut-off"),
        ({"cell": [[18, 1, 0], [0, 16, 0], [0, 0, 15]]}, "lower-triangular"),
        ({"symbols": ["Xe"]}, "force field has no Xe"),
        ({"symbols": ["O", "H", "O"]}, "not in the order O, H, H"),
    ],
)
def test_what_cannot_be_computed_is_refused(change, words):
    atoms = ice_ih([2, 2, 2], seed=3)
    if "cell" in change:
        atoms.set_cell(change["cell"])
    for index, symbol in enumerate(change.get("symbols", [])):
        atoms.symbols[index] = symbol
    if change.get("symbols") == ["Xe"]:
        del atoms[[1, 2]]
    with pytest.raises(InputError, match=words):
        engine("openmm").energy_and_forces(atoms, change.get("model", Model(lj_cutoff=6.0, coulomb_cutoff=6.0)))
