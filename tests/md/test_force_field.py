"""The force field table and its mixing."""

import numpy as np
import pytest
from ase.units import kcal, kJ, mol

from icescope.errors import InputError
from icescope.md.force_field import metal_species, mix, species_table


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
