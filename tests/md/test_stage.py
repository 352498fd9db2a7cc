"""Stages, and the segments that a run cuts them into."""

from itertools import pairwise

import pytest

from icescope.errors import InputError
from icescope.md.film_run import film_stages
from icescope.md.stage import Stage, segments, whole_intervals

RAMP = Stage("compression", 10.0, (77.0, 77.0), (0.0, 2.0), "x")
MD = {"melt_temperature": 350.0, "melt": 1.0, "equilibration": 1.5, "production": 3.5}


def test_segments_cover_all_stages_once_and_none_crosses_a_stage():
    plan = segments(film_stages(MD, 240.0), timestep=2.0, frame_interval=0.5, checkpoint_interval=1.0)
    times = [segment.start + time for segment in plan for time in segment.times]
    assert times == pytest.approx([0.5 * (i + 1) for i in range(2 + 3 + 7)])
    assert [(s.stage.name, s.stage.temperature[0], len(s.times)) for s in plan] == [
        ("melt", 350.0, 2),
        ("equilibration", 240.0, 2),
        ("equilibration", 240.0, 1),
        *[("production", 240.0, 2)] * 3,
        ("production", 240.0, 1),
    ]


def test_pieces_of_a_ramp_join_to_the_ramp():
    plan = segments([RAMP], timestep=2.0, frame_interval=0.5, checkpoint_interval=3.0)
    assert [s.stage.duration for s in plan] == [3.0, 3.0, 3.0, 1.0]
    ends = [s.stage.pressure for s in plan]
    assert ends[0][0] == 0 and ends[-1][1] == 2.0
    for before, after in pairwise(ends):
        assert before[1] == pytest.approx(after[0], abs=1e-12)
    assert {s.stage.coupling for s in plan} == {"x"}
    assert all(s.stage.pressure_rate == pytest.approx(RAMP.pressure_rate) for s in plan)


def test_rates_have_signs():
    assert RAMP.pressure_rate == pytest.approx(200.0)
    assert RAMP.temperature_rate == 0
    assert Stage("quench", 100.0, (250.0, 180.0)).temperature_rate == pytest.approx(-700.0)
    assert Stage("quench", 100.0, (250.0, 180.0)).pressure_rate == 0


def test_a_film_may_do_without_melt_and_equilibration_but_not_without_production():
    assert [stage.name for stage in film_stages(MD | {"melt": 0, "equilibration": 0}, 240.0)] == ["production"]
    with pytest.raises(InputError, match=r"stage production is 0"):
        film_stages(MD | {"production": 0}, 240.0)


def test_stages_are_made_whole_frame_intervals_long():
    stages = [Stage("melt", duration, (100.0, 200.0)) for duration in (0.01, 0.5, 0.7, 1.0 + 1e-9)]
    assert [stage.duration for stage in whole_intervals(stages, 0.5)] == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timestep": 3.0}, r"Frame_interval \(0\.5 ps\) must be a whole multiple of the time step"),
        ({"checkpoint_interval": 0.2}, r"Checkpoint_interval \(0\.2 ps\)"),
        ({"stages": [Stage("melt", 0.7, (300.0, 300.0))]}, r"The duration of the stage melt \(0\.7 ps\)"),
        ({"stages": []}, "no stage"),
    ],
)
def test_durations_that_do_not_fit_are_refused(change, words):
    arguments = {"stages": [RAMP], "timestep": 2.0, "frame_interval": 0.5, "checkpoint_interval": 1.0} | change
    with pytest.raises(InputError, match=words):
        segments(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("melt", -1.0, (300.0, 300.0)), "duration of the stage melt is -1"),
        (("melt", 1.0, (300.0, 0.0)), "temperature of the stage melt is 0"),
        (("melt", 1.0, (300.0, 300.0), (0, 0), "y"), "coupling 'y'; take one of isotropic, x"),
    ],
)
def test_stages_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        Stage(*arguments)
