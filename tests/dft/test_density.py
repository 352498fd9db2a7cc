"""Densities: known energies, open shells, remedies, and one sentence for what cannot be computed."""

import numpy as np
import pytest
from ase import Atoms
from clusters import sodium_waters, water
from pyscf import dft, gto

from icescope.dft import density
from icescope.dft.density import HARTREE, NotConvergedError, electron_density, stated_charge
from icescope.errors import InputError

BASIS = "def2-SVP"


def test_energy_of_water():
    """As PySCF gives it without density fitting, on finer integration grids."""
    found = electron_density(water(), basis=BASIS)
    assert found.energy / HARTREE == pytest.approx(-76.272014, abs=2e-4)
    assert found.remedy == "none" and 3 < found.cycles < 15


def test_a_hybrid_is_fitted_with_its_exchange():
    atoms = water()
    molecule = gto.M(atom=list(zip(atoms.symbols, atoms.positions, strict=True)), basis=BASIS, verbose=0)
    field = dft.RKS(molecule, xc="PBE0")
    field.grids.level = 1
    assert electron_density(atoms, xc="PBE0", basis=BASIS).energy / HARTREE == pytest.approx(field.kernel(), abs=2e-4)


def test_both_spins_of_an_open_shell_are_in_the_density():
    found = electron_density(Atoms("OH", [[0, 0, 0], [0, 0, 0.97]]), spin=1, basis=BASIS)
    assert np.einsum("ij,ij", found.matrix, found.molecule.intor("int1e_ovlp")) == pytest.approx(9, abs=1e-8)
    assert found.attributes()["spin"] == 1


def test_remedies_converge_what_does_not_converge_by_itself():
    stretched = electron_density(Atoms("OH2", [[0, 0, 0], [2.8, 0.6, 0], [-2.5, 0.6, 0]]), basis=BASIS)
    assert stretched.remedy == "second order" and stretched.cycles > 50


def test_what_does_not_converge_is_an_error(monkeypatch):
    monkeypatch.setattr(density, "MOST_CYCLES", 1)
    with pytest.raises(NotConvergedError, match=r"the density of H2O with charge \+0 .* did not converge"):
        electron_density(water(), basis="sto-3g")


def boxed(shift):
    """A water in a cell of 6 A, moved by `shift` along x and wrapped."""
    atoms = water()
    atoms.set_cell([6, 6, 6])
    atoms.set_pbc(True)
    atoms.positions += [shift, 3, 3]
    atoms.wrap()
    return atoms


def test_a_periodic_cell_whose_molecules_are_whole_is_ignored():
    whole = electron_density(boxed(2.7), basis="sto-3g")
    assert whole.energy == pytest.approx(electron_density(water(), basis="sto-3g").energy, abs=1e-3)


def without_volume():
    atoms = boxed(2.7)
    atoms.cell[1] = atoms.cell[0]
    return atoms


def moved(index, to):
    atoms = water()
    atoms.positions[index] = to
    return atoms


@pytest.mark.parametrize(
    ("atoms", "options", "sentence"),
    [
        (moved(1, water().positions[2] + 0.1), {}, r"atoms 1 \(H\) and 2 \(H\) overlap, 0.17 A apart"),
        (moved(1, water().positions[0]), {}, r"atoms 0 \(O\) and 1 \(H\) overlap, 0.00 A apart"),
        (moved(1, np.nan), {}, "position that is not a number"),
        (boxed(5.5), {}, r"atoms 0 \(O\) and 1 \(H\) are bonded across a face of the periodic cell"),
        (without_volume(), {}, "periodic, but its cell has no volume"),
        (Atoms(), {}, "no atoms"),
        (sodium_waters(1), {}, "has 21 electrons, of which 0 cannot be unpaired; correct"),
        (water(), {"charge": 10}, r"a charge of \+10 e leaves 0 electrons"),
        (water(), {"charge": 0.5}, r"a charge of \+0.5 e"),
        (water(), {"spin": 1}, "10 electrons, of which 1 cannot be unpaired"),
        (water(), {"spin": -2}, "of which -2 cannot be unpaired"),
        (Atoms("Au"), {"charge": 1}, "Au is heavier than Kr; leave the substrate out"),
        (Atoms("X"), {}, "no element"),
        (Atoms("KH", [[0, 0, 0], [0, 0, 2.3]]), {"basis": "aug-cc-pVDZ"}, "no basis 'aug-cc-pVDZ' for all of K, H"),
        (water(), {"basis": "nothing"}, "no basis 'nothing'"),
        (water(), {"xc": "PBEX"}, "functional 'PBEX' is unknown"),
    ],
)
def test_what_cannot_be_computed_is_told_in_one_sentence(atoms, options, sentence):
    with pytest.raises(InputError, match=sentence) as found:
        electron_density(atoms, **options)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ("one", "states the charge 'one', which is no number"),
        (np.array([1, 0, 0]), "which is no number"),
        (0.5, r"states a charge of \+0.5 e, which is not whole"),
        (np.nan, "which is not whole"),
    ],
)
def test_a_stated_charge_that_is_none_is_told(stated, sentence):
    atoms = water()
    atoms.info["charge"] = stated
    for read in (stated_charge, electron_density):
        with pytest.raises(InputError, match=sentence):
            read(atoms)
    atoms.info["charge"] = np.float64(-1.0)
    assert stated_charge(atoms) == -1 and type(stated_charge(atoms)) is int


def test_a_charge_other_than_the_stated_one_is_refused():
    atoms = sodium_waters(1)
    atoms.info["charge"] = 1
    with pytest.raises(InputError, match=r"charge of -1 e was asked for, but the structure states \+1 e"):
        electron_density(atoms, charge=-1)
