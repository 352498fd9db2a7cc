"""The slab, and the stages that it is taken through."""

import numpy as np
import pytest

from icescope.errors import InputError
from icescope.md.thermodynamics import density
from icescope.premelting.surface import DENSITY, run_surface, surface, surface_stages
from icescope.structures.ice import ice_ih

MD = {"engine": "openmm", "cutoff": 6.0, "timestep": 2.0, "frame_interval": 0.02, "checkpoint_interval": 0.06}


def test_slab_has_the_lattice_of_ice_along_the_surface():
    slab, crystal = surface([3, 3, 2], 20.0, seed=1), ice_ih([3, 3, 2], seed=1, density=DENSITY)
    assert slab.cell.lengths()[:2] == pytest.approx(crystal.cell.lengths()[:2])
    assert density(crystal, crystal.cell.array) == pytest.approx(DENSITY)
    assert np.ptp(slab.positions[:, 2]) == pytest.approx(slab.cell[2, 2] - 20.0)


def test_stages_go_up_and_down_again_in_whatever_order_the_temperatures_are_given():
    stages = surface_stages([200, 120, 160], rate=4000, hold=8)
    held = [stage for stage in stages if stage.frames]
    assert [stage.temperature for stage in held] == [(t, t) for t in (120, 160, 200, 160, 120)]
    ramps = [stage for stage in stages if not stage.frames]
    assert [stage.temperature_rate for stage in ramps] == pytest.approx([4000, 4000, -4000, -4000])
    assert {stage.pressure for stage in stages} == {None}


def test_ramps_last_whole_frame_intervals_and_the_cell_stays(tmp_path):
    slab = surface([2, 2, 2], 15.0, seed=1)
    stages = surface_stages([100, 103], rate=100_000, hold=0.06)  # ramps of 0.03 ps
    finished = run_surface(slab, stages, MD, 1, tmp_path)
    assert (
        finished.record.stage.tolist()
        == ["100 K"] * 3 + ["to 103 K"] * 2 + ["103 K"] * 3 + ["to 100 K"] * 2 + ["100 K"] * 3
    )
    assert (finished.atoms.cell.array == slab.cell.array).all()


def test_cutoff_beyond_half_the_surface_is_refused(tmp_path):
    with pytest.raises(InputError, match="cut-?off"):
        run_surface(
            surface([2, 2, 2], 15.0, seed=1), surface_stages([100, 103], 1000, 1), MD | {"cutoff": 9.0}, 1, tmp_path
        )
