"""LAMMPS on several MPI ranks, which are started anew for each call.

All ranks do the same with the same input, as LAMMPS wants it; what they gather is the same on each, and the first
writes it. The input and the result are JSON files in a folder of the working directory, which all nodes share. A rank
that fails ends alone; what started it must end the others then, as mpiexec does, and srun with --kill-on-bad-exit.
"""

import logging
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.jsonio import read_json, write_json

from icescope.errors import InputError
from icescope.md.engine import Sampled, State
from icescope.md.lammps import Lammps
from icescope.md.model import Model
from icescope.md.stage import Stage

LAST_LINES = 5  # of what a launcher that failed has said
ATTEMPTS = 3  # to start MPI, which now and then fails on a node that is busy

log = logging.getLogger(__name__)


class LammpsOnRanks:
    """The engine, on so many ranks, started by a command `mpi` such as "srun --mpi=pmi2 --kill-on-bad-exit".

    Each rank has one thread, and draws the thermostat's noise for its own atoms: a run is another one than on one rank.
    """

    name = "lammps"

    def __init__(self, mpi: str, ranks: int) -> None:
        self.launcher, self.ranks = [*shlex.split(mpi), "-n", str(ranks)], ranks
        log.info("LAMMPS on %d MPI ranks, by %s", ranks, mpi)

    def energy_and_forces(self, atoms: Atoms, model: Model) -> tuple[dict[str, float], np.ndarray]:
        """See `Engine.energy_and_forces`."""
        found = self._call("energy_and_forces", atoms, model)
        return found["energies"], found["forces"]

    def minimise(self, atoms: Atoms, model: Model, state: State) -> State:
        """See `Engine.minimise`."""
        return State(**self._call("minimise", atoms, model, state=vars(state)))

    def run(self, atoms: Atoms, model: Model, piece: Stage, state: State, seed: int, frame_interval: float) -> Sampled:
        """See `Engine.run`."""
        settings = {"piece": asdict(piece), "state": vars(state), "seed": seed, "frame_interval": frame_interval}
        found = self._call("run", atoms, model, **settings)
        return Sampled(**found | {"state": State(**found["state"])})

    def _call(self, method: str, atoms: Atoms, model: Model, **settings) -> dict:
        """What a method of `Lammps` gives on all ranks together, as `_work` writes it."""
        call = {"method": method, "atoms": atoms, "model": asdict(model), "ranks": self.ranks, **settings}
        with tempfile.TemporaryDirectory(prefix=".lammps-", dir=Path.cwd()) as folder:
            write_json(Path(folder, "call.json"), call)
            for attempt in range(1, ATTEMPTS + 1):
                failure = self._start(folder)
                if failure is None:
                    return read_json(Path(folder, "result.json"))
                if Path(folder, "started").is_file():
                    break
                log.warning("MPI did not start, attempt %d of %d: %s", attempt, ATTEMPTS, failure)
            raise InputError(failure)

    def _start(self, folder: str) -> str | None:
        """Start the ranks and wait for them; in a sentence what failed, if anything did."""
        try:
            ended = subprocess.run(
                [*self.launcher, sys.executable, "-m", __name__, folder], capture_output=True, text=True
            )
        except OSError as error:
            return f"LAMMPS's ranks do not start: {error}; see the resource mpi of the rule."
        if (refused := Path(folder, "error")).is_file():
            return refused.read_text()
        if ended.returncode or not Path(folder, "result.json").is_file():
            said = " | ".join((ended.stdout + ended.stderr).strip().splitlines()[-LAST_LINES:])
            return f"LAMMPS's ranks, started by {' '.join(self.launcher)}, ended with {ended.returncode}: {said}"
        return None


def _work(folder: Path) -> None:
    """What each rank does: the call in a folder, and, the first of them, its result there."""
    call = read_json(folder / "call.json")
    atoms, model = call["atoms"], Model(**call["model"])
    state = State(**call["state"]) if "state" in call else None
    try:
        by = Lammps()
        Path(folder, "started").touch()
        if by.ranks != call["ranks"]:
            raise InputError(
                f"LAMMPS works on {by.ranks} MPI rank(s), where {call['ranks']} were started together: its MPI library "
                "and the rule's resource mpi do not fit; try another --mpi of srun, or LAMMPS's own mpiexec."
            )
        if call["method"] == "energy_and_forces":
            found = dict(zip(("energies", "forces"), by.energy_and_forces(atoms, model), strict=True))
        elif call["method"] == "minimise":
            found = vars(by.minimise(atoms, model, state))
        else:
            sampled = by.run(atoms, model, Stage(**call["piece"]), state, call["seed"], call["frame_interval"])
            found = vars(sampled) | {"state": vars(sampled.state)}
    except InputError as error:
        Path(folder, "error").write_text(str(error))
        os._exit(1)  # at once, as the others may wait for this one
    if by.rank == 0:
        write_json(folder / "result.json", found)
    by.finalize()  # a rank that ends without looks as if it had failed


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
