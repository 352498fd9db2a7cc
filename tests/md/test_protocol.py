"""Protocols: the stages that they are."""

from itertools import pairwise

import pytest

from icescope.errors import InputError
from icescope.md.protocol import ATMOSPHERE, compress, equilibrate, melt, quench, relax, sample, staircase


def test_quench_has_its_rate_and_constant_pressure():
    (stage,) = quench(250, 180, 100)
    assert stage.duration == 700 and stage.temperature == (250, 180)
    assert stage.temperature_rate == pytest.approx(-100)
    assert stage.pressure == (ATMOSPHERE, ATMOSPHERE)


@pytest.mark.parametrize(("start", "end", "name"), [(0.0, 2.0, "compression"), (2.0, 0.4, "decompression")])
def test_compression_has_its_rate_and_direction(start, end, name):
    (stage,) = compress(start, end, 20, 77, coupling="x")
    assert (stage.name, stage.coupling, stage.pressure) == (name, "x", (start, end))
    assert abs(stage.pressure_rate) == pytest.approx(20)


def test_staircase_holds_at_each_temperature_and_ramps_between():
    stages = staircase([180, 200, 190], rate=1000, hold=50)
    assert [stage.name for stage in stages] == ["180 K", "to 200 K", "200 K", "to 190 K", "190 K"]
    assert [stage.duration for stage in stages] == [50, 20, 50, 10, 50]
    assert [stage.frames for stage in stages] == [True, False, True, False, True]
    for before, after in pairwise(stages):
        assert before.temperature[1] == after.temperature[0]
    assert all(stage.pressure is None for stage in stages)


def test_only_what_is_looked_at_later_keeps_frames():
    kept = {stage.name: stage.frames for make in (melt, equilibrate, sample, relax) for stage in make(200, 0.1, 5)}
    assert kept == {"melt": False, "equilibration": False, "sampling": True, "relaxation": True}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: quench(180, 250, 100), "A quench goes down"),
        (lambda: compress(0, 2, 0, 77), "it must be positive"),
        (lambda: compress(1, 1, 20, 77), "begins and ends at 1"),
        (lambda: staircase([100, 120], rate=-1, hold=5), "it must be positive"),
    ],
)
def test_ramps_that_cannot_be_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
