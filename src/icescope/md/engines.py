"""The engines by name."""

from icescope.errors import InputError
from icescope.md.engine import Engine

ENGINES = ("openmm", "lammps", "gromacs")


def engine(name: str, threads: int = 1) -> Engine:
    """The engine of that name, on so many CPU threads where it runs on a CPU.

    Raises
    ------
    InputError
        There is no engine of that name, or its program is not installed.
    """
    # Imported only when asked for: each needs a program that may be missing.
    if name == "openmm":
        from icescope.md.openmm_engine import OpenMM

        return OpenMM(threads)
    if name == "lammps":
        from icescope.md.lammps import Lammps

        return Lammps(threads)
    if name == "gromacs":
        from icescope.md.gromacs import Gromacs

        return Gromacs(threads)
    raise InputError(f"There is no engine {name!r}; take one of {', '.join(ENGINES)}.")
