"""Exact geometry of water, and thermal velocities that keep it."""

import numpy as np
import pytest
from ase.units import kB

from icescope.md.force_field import water_model
from icescope.md.rigid import VELOCITY, snap_water, thermal_velocities
from icescope.md.topology import degrees_of_freedom, water_molecules
from icescope.structures.ice import ice_ih


@pytest.fixture(scope="module")
def ice():
    return ice_ih([3, 3, 3], seed=1)


def test_snapped_molecules_have_the_models_geometry_and_stay_where_they_were(ice):
    water, molecules = water_model("tip4p_ice"), water_molecules(ice.get_chemical_symbols())
    bent = ice.positions + np.random.default_rng(0).normal(scale=0.03, size=ice.positions.shape)
    oxygen, one, other = np.moveaxis(snap_water(bent, molecules, water)[molecules], 1, 0)
    assert np.array_equal(oxygen, bent[molecules[:, 0]])
    assert np.linalg.norm(one - oxygen, axis=1) == pytest.approx(water.bond, abs=1e-12)
    assert np.linalg.norm(one - other, axis=1) == pytest.approx(water.distance_hh, abs=1e-12)
    assert np.abs(snap_water(ice.positions, molecules, water) - ice.positions).max() < 1e-9


def test_thermal_velocities_have_the_temperature_and_stretch_no_molecule(ice):
    velocities = thermal_velocities(ice, ice.positions, 150.0, seed=3)
    molecules = water_molecules(ice.get_chemical_symbols())
    for one, other in ((0, 1), (0, 2), (1, 2)):
        between = ice.positions[molecules[:, one]] - ice.positions[molecules[:, other]]
        relative = velocities[molecules[:, one]] - velocities[molecules[:, other]]
        assert np.abs((between * relative).sum(axis=1)).max() < 1e-12
    freedom = degrees_of_freedom(ice)
    twice_kinetic = (ice.get_masses()[:, None] * (velocities / VELOCITY) ** 2).sum()
    assert twice_kinetic / (freedom * kB) == pytest.approx(150, rel=4 * np.sqrt(2 / freedom))
