"""The protocol of a film as a list of segments: melt, equilibrate, produce."""

from dataclasses import dataclass

from icescope.errors import InputError


@dataclass(frozen=True)
class Segment:
    """A piece of the run between two checkpoints, all of one phase.

    `temperature` in K; `first` counts the frame intervals before it, `intervals` those in it.
    """

    phase: str
    temperature: float
    first: int
    intervals: int


def segments(md: dict, temperature: float) -> list[Segment]:
    """Cut the phases of config `md` into segments of at most `checkpoint_interval`.

    Raises
    ------
    InputError
        A duration is not a whole multiple of what it is made of, or is negative, or a temperature is not positive.
    """
    steps_in_interval(md)
    longest = _multiple(md, "checkpoint_interval", 1)
    cut, first = [], 0
    for phase, kelvin in (
        ("melt", md["melt_temperature"]),
        ("equilibration", temperature),
        ("production", temperature),
    ):
        if not kelvin > 0:
            raise InputError(f"The temperature of the {phase} is {kelvin} K; it must be positive.")
        end = first + _multiple(md, phase, 1 if phase == "production" else 0)
        while first < end:
            intervals = min(longest, end - first)
            cut.append(Segment(phase, kelvin, first, intervals))
            first += intervals
    return cut


def steps_in_interval(md: dict) -> int:
    """Time steps in one frame interval."""
    if not md["timestep"] > 0:
        raise InputError(f"md.timestep is {md['timestep']} fs; it must be positive.")
    steps = md["frame_interval"] / (md["timestep"] / 1000)
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
        raise InputError(
            f"md.frame_interval ({md['frame_interval']} ps) must be a whole multiple of md.timestep "
            f"({md['timestep']} fs)."
        )
    return round(steps)


def _multiple(md: dict, key: str, least: int) -> int:
    """Frame intervals in the duration under a key, at least `least`."""
    count = md[key] / md["frame_interval"]
    if round(count) < least or abs(count - round(count)) > 1e-6:
        raise InputError(
            f"md.{key} ({md[key]} ps) must be a whole multiple of md.frame_interval "
            f"({md['frame_interval']} ps), {least} at least."
        )
    return round(count)
