"""Protocols as stages: each a function of a few physical parameters, to be joined with + and given to `run`.

Temperatures in K, pressures in GPa (None: constant volume), times in ps, rates in K/ns and GPa/ns, always positive.
"""

from collections.abc import Sequence

from icescope.errors import InputError
from icescope.md.stage import Stage

ATMOSPHERE = 1e-4  # GPa, 1 bar


def equilibrate(temperature: float, pressure: float | None, duration: float) -> list[Stage]:
    """Hold the conditions; no frame goes into the trajectory."""
    return [_hold("equilibration", temperature, pressure, duration, frames=False)]


def sample(temperature: float, pressure: float | None, duration: float) -> list[Stage]:
    """Hold the conditions and keep the frames."""
    return [_hold("sampling", temperature, pressure, duration)]


def relax(temperature: float, pressure: float | None, duration: float) -> list[Stage]:
    """Hold the conditions after a change, and keep the frames: an amorphous ice ages."""
    return [_hold("relaxation", temperature, pressure, duration)]


def melt(temperature: float, pressure: float | None, duration: float) -> list[Stage]:
    """Hold a temperature far above melting, so that a crystal forgets its order; no frame is kept."""
    return [_hold("melt", temperature, pressure, duration, frames=False)]


def quench(start: float, end: float, rate: float, pressure: float | None = ATMOSPHERE) -> list[Stage]:
    """Cool from one temperature to another at a rate, K/ns; join several where the rate changes on the way."""
    if not start > end:
        raise InputError(f"A quench goes down, but it is asked to go from {start} to {end} K.")
    return [_ramp("quench", (start, end), _constant(pressure), _ramp_time(start, end, rate))]


def compress(start: float, end: float, rate: float, temperature: float, coupling: str = "isotropic") -> list[Stage]:
    """Compress or decompress from one pressure to another at a rate, GPa/ns, isotropically or along x alone."""
    name = "compression" if end > start else "decompression"
    return [_ramp(name, (temperature, temperature), (start, end), _ramp_time(start, end, rate), coupling)]


def staircase(temperatures: Sequence[float], rate: float, hold: float, pressure: float | None = None) -> list[Stage]:
    """Heat or cool in steps: a ramp at a rate, K/ns, to each next temperature, and a hold with frames there.

    For a slab the pressure stays None: its vacuum has none to couple to.
    """
    stages = []
    for index, temperature in enumerate(temperatures):
        if index and temperature != temperatures[index - 1]:
            before = temperatures[index - 1]
            time = _ramp_time(before, temperature, rate)
            stages.append(
                Stage(f"to {temperature:g} K", time, (before, temperature), _constant(pressure), frames=False)
            )
        stages.append(_hold(f"{temperature:g} K", temperature, pressure, hold))
    return stages


def _hold(name: str, temperature: float, pressure: float | None, duration: float, frames: bool = True) -> Stage:
    return Stage(name, duration, (temperature, temperature), _constant(pressure), frames=frames)


def _ramp(
    name: str,
    temperature: tuple[float, float],
    pressure: tuple[float, float] | None,
    duration: float,
    coupling: str = "isotropic",
) -> Stage:
    return Stage(name, duration, temperature, pressure, coupling)


def _constant(pressure: float | None) -> tuple[float, float] | None:
    return None if pressure is None else (pressure, pressure)


def _ramp_time(start: float, end: float, rate: float) -> float:
    """Duration, ps, of a ramp at a rate per ns."""
    if not rate > 0:
        raise InputError(f"The rate of the ramp from {start} to {end} is {rate} per ns; it must be positive.")
    if start == end:
        raise InputError(f"The ramp begins and ends at {start}; give two values that differ, or hold the conditions.")
    return round(1000 * abs(end - start) / rate, 6)
