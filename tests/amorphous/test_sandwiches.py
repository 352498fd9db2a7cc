"""The two ices of a flat interface: cells that fit, stages, and the states of a run under pressure."""

import numpy as np
import pytest

from icescope.amorphous.interface_shift import pressed_states
from icescope.amorphous.sandwiches import DENSITY, join, press_stages, relaxation_stages, to_melt
from icescope.md.thermodynamics import density
from icescope.structures.ice import ice_ih

REPEATS = {"HDA": [2, 3, 4], "LDA": [3, 3, 3]}


def scaled(atoms, to: float):
    """The ice at another density, g/cm3: molecules moved, and left as they are."""
    stretch = (density(atoms, atoms.cell.array) / to) ** (1 / 3)
    new = atoms.copy()
    new.positions += np.repeat(new.positions[::3] * (stretch - 1), 3, axis=0)
    new.set_cell(new.cell.lengths() * stretch)
    return new


def test_melted_and_settled_lda_has_the_cross_section_of_hda():
    crystal = to_melt(REPEATS, seed=1)
    assert density(crystal, crystal.cell.array) == pytest.approx(0.930, abs=1e-6)
    lda, hda = scaled(crystal, DENSITY["LDA"]), scaled(ice_ih(REPEATS["HDA"], 1), DENSITY["HDA"])
    np.testing.assert_allclose(lda.cell.lengths()[1:], hda.cell.lengths()[1:], rtol=1e-9)
    arms = crystal.positions.reshape(-1, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(arms[:, 1] - arms[:, 0], axis=1), 0.9572, atol=1e-6)


def test_copies_make_an_ice_thicker():
    lda, hda = scaled(to_melt(REPEATS, 1), DENSITY["LDA"]), scaled(ice_ih(REPEATS["HDA"], 1), DENSITY["HDA"])
    once, twice = (join(lda, hda, {"LDA": number, "HDA": 1}, seed=2) for number in (1, 2))
    extra = lda.cell.lengths()[0]
    assert twice.cell.lengths()[0] == pytest.approx(once.cell.lengths()[0] + extra)
    assert len(twice) - len(once) == pytest.approx(len(lda), abs=30)  # molecules at the seams are taken out


def test_pressures_are_reached_along_x_and_held():
    stages = press_stages([0.2, 0.6, 0.2], rate=100.0, settle=1.0, sampling=2.0)
    assert {one.coupling for one in stages} == {"x"}
    assert [one.pressure for one in stages if one.frames] == [(0.2, 0.2), (0.6, 0.6), (0.2, 0.2)]
    ramps = [one for one in stages if one.pressure_rate]
    assert [round(one.pressure_rate, 6) for one in ramps] == [100.0, -100.0]
    assert all(one.pressure is None for one in relaxation_stages(10.0, 1.0))


def test_states_are_frames_in_a_row_at_one_pressure():
    pressures = np.array([0.2, 0.2, 0.6, 0.6, 0.2, 0.0])
    frames = np.arange(6)
    states = pressed_states({"O": frames}, frames, frames, pressures)
    assert [(one.pressure, one.direction, one.positions.tolist()) for one in states] == [
        (0.2, "compression", [0, 1]),
        (0.6, "compression", [2, 3]),
        (0.2, "decompression", [4]),
        (0.0, "decompression", [5]),
    ]
