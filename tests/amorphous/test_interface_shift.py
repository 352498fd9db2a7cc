"""An interface moves through the ice only where molecules change phase, however the cell is pressed."""

import numpy as np
import pytest
from flat_interface import HIGH, LENGTHS, LOW, MOLECULES, cells, places, share

from icescope.amorphous.interface_shift import PressedState, interface_shifts, material_places
from icescope.errors import InputError

LEFT, RIGHT = 35.0, 85.0
FRAMES = 2
SITES = places(1)
LUCK = np.random.default_rng(2).uniform(size=MOLECULES)  # a molecule is HDA where its luck is below the share


def state(pressure: float, direction: str, into_lda: float, along_x: float, drift: float = 0.0) -> PressedState:
    """Interfaces moved into LDA among the molecules; all molecules drift, and are written inside the cell."""
    hda = share(SITES[:, 0], LEFT - into_lda, RIGHT + into_lda) > LUCK
    rng = np.random.default_rng(int(1000 * pressure))
    positions = SITES * [along_x, 1, 1] + rng.normal(scale=0.1, size=(FRAMES, MOLECULES, 3)) + [drift, 0, 0]
    boxes = cells(FRAMES, along_x)
    probability = np.tile(np.where(hda, HIGH, LOW), (FRAMES, 1))
    return PressedState(pressure, direction, {"O": probability}, positions % (LENGTHS * [along_x, 1, 1]), boxes)


@pytest.fixture(scope="module")
def cycle():
    states = [
        state(0.2, "compression", 0, 1),
        state(0.4, "compression", 0, 0.98, drift=70),
        state(0.6, "compression", 1.5, 0.96),
        state(0.4, "decompression", 1.0, 0.98),
        state(0.0, "decompression", 0, 1.02),
    ]
    return interface_shifts(states, "O", seed=3, rounds=25)


def test_affine_compression_alone_is_no_shift(cycle):
    for number in (1, 4):
        assert abs(cycle["shift"][number]) < 1e-6 and cycle["shift error"][number] < 1e-6
        assert cycle["LDA share"][number] == pytest.approx(cycle["LDA share"][0], abs=2e-3)
    np.testing.assert_allclose(cycle.slab[[1, 4]], cycle.slab[0] * np.array([0.98, 1.02]), atol=0.05)
    np.testing.assert_allclose(cycle["5-95"][[1, 4]], cycle["5-95"][0] * np.array([0.98, 1.02]), atol=0.1)


def test_molecules_that_change_phase_are_a_shift(cycle):
    assert cycle["shift"][2] == pytest.approx(1.5, abs=4 * cycle["shift error"][2])
    assert cycle["material left"][2] < cycle["material left"][0]
    assert cycle["material right"][2] > cycle["material right"][0]
    lost = (cycle["LDA share"][0] - cycle["LDA share"][2]) * LENGTHS[0]
    assert lost == pytest.approx(2 * cycle["shift"][2], abs=0.7)  # counted, in place of fitted in places of the ice


def test_errors_of_a_shift_are_below_those_of_two_positions(cycle):
    assert 0 < cycle["shift error"][2] < cycle["material left error"][2]


def test_hysteresis_is_the_way_down_less_the_way_up(cycle):
    assert cycle.hysteresis[3] == pytest.approx(cycle["shift"][3] - cycle["shift"][1])
    assert cycle.hysteresis[3] == pytest.approx(1.0, abs=4 * cycle["hysteresis error"][3])
    assert cycle.hysteresis[[0, 1, 2, 4]].isna().all()  # on the way up, and where the way up never was


def test_places_of_molecules_that_cross_the_edge():
    inside = state(0.2, "compression", 0, 1, drift=70)
    found, lengths = material_places(inside)
    np.testing.assert_allclose(lengths, LENGTHS)
    away = (found - SITES - [70, 0, 0] + lengths / 2) % lengths - lengths / 2
    assert np.abs(away).max() < 0.5


def test_bad_input():
    with pytest.raises(InputError, match="no states of the interface"):
        interface_shifts([], "O", seed=1)
    with pytest.raises(InputError, match="direction is 'up'; take one of compression, decompression"):
        interface_shifts([state(0.2, "up", 0, 1)], "O", seed=1)
    one = state(0.2, "compression", 0, 1)
    fewer = one._replace(positions=one.positions[:, :-1])
    with pytest.raises(InputError, match="has 7999 molecules, and the first one 8000"):
        interface_shifts([one, fewer], "O", seed=1)
