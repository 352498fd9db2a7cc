"""The force field table and its mixing."""

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.neighborlist import neighbor_list
from ase.units import J, kB, kcal, kJ, m, mol

from icescope.errors import InputError
from icescope.md.force_field import metal_species, mix, salt_lattice, species_table, water_model


def test_oxygen_and_gold_mix_by_lorentz_and_berthelot():
    sigma, epsilon = mix(species_table()["O"], species_table()["Au"])
    assert sigma == pytest.approx((3.16556 + 2.951 / 2 ** (1 / 6)) / 2, rel=1e-5)
    assert epsilon == pytest.approx(np.sqrt(0.65017 * kJ / mol * 5.29 * kcal / mol), rel=1e-5)


def test_platinum_is_the_published_well():
    platinum = metal_species("Pt")
    assert platinum.sigma * 2 ** (1 / 6) == pytest.approx(2.845, abs=1e-4)
    assert platinum.epsilon / (kcal / mol) == pytest.approx(7.80, rel=1e-5)


def test_water_is_neutral_and_every_row_has_a_source():
    table = species_table()
    assert table["O"].charge + 2 * table["H"].charge == pytest.approx(0, abs=1e-12)
    assert all(row.source for row in table.values())


def test_unknown_metal_is_named_with_the_known_ones():
    with pytest.raises(InputError, match="'Zz'; take one of Au, Pt"):
        metal_species("Zz")


@pytest.mark.parametrize(("metal", "published"), [("Au", 1.53), ("Pt", 2.45)])
def test_metals_have_their_surface_energy(metal, published):
    """(E_slab - N e_bulk) / 2A of the (111) surface, static lattice, within 3 %, J/m2 (Heinz et al. 2008).

    At 12 A, the cut-off that the parameters were fitted with; without one it is 5 % more.
    """
    row = metal_species(metal)

    def energy_per_atom(atoms):
        distance = neighbor_list("d", atoms, cutoff=12.0)
        power = (row.sigma / distance) ** 6
        return 2 * row.epsilon * (power**2 - power).sum() / len(atoms)

    slab = fcc111(metal, (1, 1, 9), a=row.lattice, vacuum=20.0)
    cost = len(slab) * (energy_per_atom(slab) - energy_per_atom(bulk(metal, "fcc", a=row.lattice)))
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    assert cost / (2 * area) / (J / m**2) == pytest.approx(published, rel=0.03)


def test_the_lattice_of_a_metal_is_at_the_minimum_of_its_energy():
    def energy(metal, lattice):
        row = metal_species(metal)
        power = (row.sigma / neighbor_list("d", bulk(metal, "fcc", a=lattice), cutoff=12.0)) ** 6
        return 2 * row.epsilon * (power**2 - power).sum()

    for metal in ("Au", "Pt"):
        lattice = metal_species(metal).lattice
        assert energy(metal, lattice) < min(energy(metal, 0.985 * lattice), energy(metal, 1.015 * lattice))


def test_water_models_are_neutral_and_as_published():
    for name in ("spce", "tip4p_ice"):
        assert sum(water_model(name).charges) == pytest.approx(0, abs=1e-12)
    ice = water_model("tip4p_ice")
    assert ice.epsilon / kB == pytest.approx(106.1, abs=0.01)
    assert ice.has_site and not water_model("spce").has_site
    assert water_model("spce").distance_hh == pytest.approx(1.63298, abs=1e-5)


def test_ions_are_those_of_the_joung_cheatham_set():
    """Their r_min/2 and well depth in kcal/mol, Table 5 of the paper, SPC/E."""
    published = {"Na": (1.212, 0.3526418), "K": (1.593, 0.4297054), "Cl": (2.711, 0.0127850)}
    for ion, (radius, depth) in published.items():
        row = species_table()[ion]
        assert row.sigma * 2 ** (1 / 6) / 2 == pytest.approx(radius, abs=1e-3)
        assert row.epsilon / (kcal / mol) == pytest.approx(depth, rel=1e-4)
    assert salt_lattice("NaCl") == 5.640


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(InputError, match="no water model 'tip3p'; take one of spce, tip4p_ice"):
        water_model("tip3p")
    with pytest.raises(InputError, match="no salt 'KCl'; take one of NaCl"):
        salt_lattice("KCl")
