"""The engines by name."""

from icescope.errors import InputError
from icescope.md.engine import Engine

ENGINES = ("openmm", "lammps", "gromacs")


def engine(name: str, threads: int = 1, mpi: str = "", tasks: int = 1) -> Engine:
    """The engine of that name, on so many CPU threads where it runs on a CPU.

    With a command that starts MPI ranks, such as "srun --mpi=pmi2 --kill-on-bad-exit", on so many of them instead,
    `tasks`; LAMMPS alone can.

    Raises
    ------
    InputError
        There is no engine of that name, its program is not installed, or it has no ranks.
    """
    if mpi and name != "lammps":
        raise InputError(
            f"The engine {name} does not run on MPI ranks; take lammps, or leave the resources mpi and tasks out."
        )
    # Imported only when asked for: each needs a program that may be missing.
    if name == "openmm":
        from icescope.md.openmm_engine import OpenMM

        return OpenMM(threads)
    if name == "lammps":
        from icescope.md.lammps import Lammps
        from icescope.md.lammps_ranks import LammpsOnRanks

        return LammpsOnRanks(mpi, tasks) if mpi else Lammps(threads)
    if name == "gromacs":
        from icescope.md.gromacs import Gromacs

        return Gromacs(threads)
    raise InputError(f"There is no engine {name!r}; take one of {', '.join(ENGINES)}.")
