"""A stage of a protocol: a stretch of dynamics in which temperature and pressure stay, or change linearly."""

import math
from dataclasses import dataclass, replace

from icescope.errors import InputError

COUPLINGS = ("isotropic", "x")


@dataclass(frozen=True)
class Stage:
    """One stage.

    Parameters
    ----------
    name
        For the record and the figures, such as "equilibration".
    duration
        ps.
    temperature
        At the start and at the end, K; linear in time between them.
    pressure
        At the start and at the end, GPa; linear in time. None: constant volume.
    coupling
        How the cell follows the pressure: "isotropic" keeps its shape, "x" changes its edge along x alone.
    frames
        Whether the stage's frames go into the trajectory; its record is always kept.

    Raises
    ------
    InputError
        A duration or temperature that is not positive, or an unknown coupling.
    """

    name: str
    duration: float
    temperature: tuple[float, float]
    pressure: tuple[float, float] | None = None
    coupling: str = "isotropic"
    frames: bool = True

    def __post_init__(self) -> None:
        if not self.duration > 0:
            raise InputError(f"The duration of the stage {self.name} is {self.duration} ps; it must be positive.")
        if not min(self.temperature) > 0:
            coldest = min(self.temperature)
            raise InputError(f"The temperature of the stage {self.name} is {coldest} K; it must be positive.")
        if self.coupling not in COUPLINGS:
            raise InputError(
                f"The stage {self.name} has the coupling {self.coupling!r}; take one of {', '.join(COUPLINGS)}."
            )

    @property
    def temperature_rate(self) -> float:
        """K/ns, negative for cooling."""
        return 1000 * (self.temperature[1] - self.temperature[0]) / self.duration

    @property
    def pressure_rate(self) -> float:
        """GPa/ns, negative for decompression; 0 at constant volume."""
        return 1000 * (self.pressure[1] - self.pressure[0]) / self.duration if self.pressure else 0.0

    def at(self, time: float) -> tuple[float, float | None]:
        """Temperature (K) and pressure (GPa, None at constant volume) at a time (ps) after the stage's start."""
        part = time / self.duration

        def between(ends: tuple[float, float]) -> float:
            return ends[0] + (ends[1] - ends[0]) * part

        return between(self.temperature), between(self.pressure) if self.pressure else None

    def piece(self, start: float, end: float) -> "Stage":
        """The part of the stage from `start` to `end` (ps after its start), a stage of its own."""
        (first_t, first_p), (last_t, last_p) = self.at(start), self.at(end)
        pressure = (first_p, last_p) if self.pressure else None
        return replace(self, duration=end - start, temperature=(first_t, last_t), pressure=pressure)


def whole_intervals(stages: list[Stage], frame_interval: float) -> list[Stage]:
    """The stages, each as long as the frame intervals, ps, that it needs: a ramp at a given rate may end later."""
    return [
        replace(one, duration=frame_interval * math.ceil(round(one.duration / frame_interval, 6))) for one in stages
    ]


@dataclass(frozen=True)
class Segment:
    """A part of one stage, between two checkpoints.

    `start` is the time before it in the run (ps), `times` are those of its frames after its own start (ps).
    """

    stage: Stage
    start: float
    times: tuple[float, ...]


def segments(stages: list[Stage], timestep: float, frame_interval: float, checkpoint_interval: float) -> list[Segment]:
    """Cut stages into segments of at most `checkpoint_interval`; none crosses from a stage into the next.

    Parameters
    ----------
    timestep
        fs.
    frame_interval, checkpoint_interval
        ps.

    Raises
    ------
    InputError
        A duration is not a whole multiple of what it is made of, or there is no stage.
    """
    if not stages:
        raise InputError("The protocol has no stage; give it one at least.")
    _whole("frame_interval", frame_interval, "the time step", timestep / 1000)
    longest = _whole("checkpoint_interval", checkpoint_interval, "frame_interval", frame_interval)
    cut, before = [], 0
    for stage in stages:
        intervals = _whole(f"the duration of the stage {stage.name}", stage.duration, "frame_interval", frame_interval)
        for first in range(0, intervals, longest):
            last = min(first + longest, intervals)
            piece = stage.piece(first * frame_interval, last * frame_interval)
            times = tuple(frame_interval * (i + 1) for i in range(last - first))
            cut.append(Segment(piece, (before + first) * frame_interval, times))
        before += intervals
    return cut


def _whole(what: str, duration: float, of: str, unit: float) -> int:
    """How many units (ps) a duration (ps) has."""
    count = duration / unit
    if round(count) < 1 or abs(count - round(count)) > 1e-6:
        raise InputError(
            f"{what[0].upper()}{what[1:]} ({duration:g} ps) must be a whole multiple of {of} ({unit:g} ps), 1 at least."
        )
    return round(count)
