"""Dynamics of the surface of ice Ih, heated in steps and cooled again."""

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.protocol import staircase
from icescope.md.run import Finished, run
from icescope.md.stage import Stage, whole_intervals
from icescope.structures.ice import ice_slab

# g/cm3: between the 0.930 of ice Ih of TIP4P/Ice at 77 K and its 0.906 at 273 K (Abascal et al. 2005). The edges along
# the surface stay as they are at all temperatures, so that the crystal is strained there by up to 0.5 %.
DENSITY = 0.918


def surface(repeats: Sequence[int], vacuum: float, seed: int) -> Atoms:
    """A slab of ice Ih of TIP4P/Ice with two basal faces; see `structures.ice.ice_slab`."""
    return ice_slab("basal", repeats, vacuum, seed, density=DENSITY)


def surface_stages(temperatures: Sequence[float], rate: float, hold: float) -> list[Stage]:
    """Up through all temperatures, K, and down again, with a hold, ps, at each and ramps, K/ns, between them."""
    rising = sorted(temperatures)
    return staircase([*rising, *rising[-2::-1]], rate, hold)


def run_surface(atoms: Atoms, stages: list[Stage], md: dict, seed: int, folder: str | Path, **processors) -> Finished:
    """Run stages on a slab at constant volume; see `md.run.run`.

    A ramp that is not a whole number of frame intervals long lasts up to the next.

    Parameters
    ----------
    md
        engine, cutoff (A, of Lennard-Jones and real-space Coulomb; without a tail, for a slab is not homogeneous),
        timestep (fs), frame_interval and checkpoint_interval (ps).
    processors
        `threads`, `mpi` and `tasks` of `md.engines.engine`.

    Raises
    ------
    InputError
        What `md.run.run` refuses.
    """
    cutoff = md["cutoff"]
    model = Model(lj_cutoff=cutoff, coulomb_cutoff=cutoff, tail=False, timestep=md["timestep"])
    by = engine(md["engine"], **processors)
    interval = md["frame_interval"]
    stages = whole_intervals(stages, interval)
    return run(atoms, stages, model, by, seed, folder, interval, md["checkpoint_interval"])
