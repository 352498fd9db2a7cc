"""The list of segments of a run."""

import pytest

from icescope.errors import InputError
from icescope.md.protocol import segments, steps_in_interval

MD = {
    "timestep": 2.0,
    "melt_temperature": 350.0,
    "melt": 1.0,
    "equilibration": 1.5,
    "production": 3.5,
    "frame_interval": 0.5,
    "checkpoint_interval": 1.0,
}


def test_segments_cover_all_phases_once_and_none_crosses_a_phase():
    plan = segments(MD, 240.0)
    covered = [i for s in plan for i in range(s.first, s.first + s.intervals)]
    assert covered == list(range(2 + 3 + 7))
    assert [(s.phase, s.temperature, s.intervals) for s in plan] == [
        ("melt", 350.0, 2),
        ("equilibration", 240.0, 2),
        ("equilibration", 240.0, 1),
        *[("production", 240.0, 2)] * 3,
        ("production", 240.0, 1),
    ]


def test_a_phase_may_be_left_out_but_not_the_production():
    assert {s.phase for s in segments(MD | {"melt": 0, "equilibration": 0}, 240.0)} == {"production"}
    with pytest.raises(InputError, match=r"md\.production"):
        segments(MD | {"production": 0}, 240.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timestep": 3.0}, r"whole multiple of md\.timestep"),
        ({"timestep": 0}, "must be positive"),
        ({"melt": 0.7}, r"md\.melt \(0\.7 ps\)"),
        ({"equilibration": -1.0}, r"md\.equilibration"),
        ({"checkpoint_interval": 0.2}, r"md\.checkpoint_interval"),
        ({"melt_temperature": 0}, "must be positive"),
    ],
)
def test_durations_that_do_not_fit_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        segments(MD | change, 240.0)


def test_steps_in_interval():
    assert steps_in_interval(MD) == 250
