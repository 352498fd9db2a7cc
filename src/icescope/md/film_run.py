"""Run a water film on a frozen metal: minimise, melt, equilibrate, produce; resumable at any moment."""

from pathlib import Path

from ase import Atoms

from icescope.md.engines import engine
from icescope.md.model import Model
from icescope.md.protocol import equilibrate, melt
from icescope.md.run import run, write_outputs
from icescope.md.stage import Stage


def run_film(
    atoms: Atoms,
    temperature: float,
    md: dict,
    seed: int,
    checkpoint_dir: str | Path,
    trajectory_path: str | Path,
    topology_path: str | Path,
    record_path: str | Path,
    threads: int,
    mpi: str = "",
    tasks: int = 1,
) -> None:
    """Run the protocol of config `md` on a film, and write its trajectory, topology and record.

    After a kill, the same call goes on at the last checkpoint (see `run`). After the last segment only the outputs
    are assembled; the checkpoints stay until the caller, with all its own outputs whole, calls
    `run.remove_checkpoints`.

    Parameters
    ----------
    atoms
        Film from `water_film`.
    temperature
        Of the equilibration and the production, K.
    md
        Config block `md`: engine, timestep (fs), friction (1/ps), cutoff (A), melt_temperature (K), and melt,
        equilibration, production, frame_interval, checkpoint_interval (ps).
    seed
        Seed of the velocities and of the Langevin noise.
    checkpoint_dir
        Folder of the checkpoint and the finished segments.
    trajectory_path, topology_path, record_path
        XTC of the production (times count from the start of the melt), PDB, and CSV of the record at every frame
        interval of all stages. The potential energy has no part within the metal.
    threads, mpi, tasks
        CPU threads, unless the engine finds a GPU, or MPI ranks; see `engines.engine`.

    Raises
    ------
    InputError
        Parameters that do not fit together, an engine that is not here, or a run that blows up.
    """
    finished = run(
        atoms,
        film_stages(md, temperature),
        film_model(md),
        engine(md["engine"], threads, mpi, tasks),
        seed,
        checkpoint_dir,
        md["frame_interval"],
        md["checkpoint_interval"],
    )
    write_outputs(atoms, finished, trajectory_path, topology_path, record_path)


def film_model(md: dict) -> Model:
    """SPC/E with one cut-off and no tail correction, since a film is not homogeneous."""
    return Model(
        water="spce",
        lj_cutoff=md["cutoff"],
        coulomb_cutoff=md["cutoff"],
        tail=False,
        timestep=md["timestep"],
        friction=md["friction"],
    )


def film_stages(md: dict, temperature: float) -> list[Stage]:
    """Melt and equilibration, each left out where its duration is 0, and production at a temperature, K."""
    stages = melt(md["melt_temperature"], None, md["melt"]) if md["melt"] else []
    stages += equilibrate(temperature, None, md["equilibration"]) if md["equilibration"] else []
    return [*stages, Stage("production", md["production"], (temperature, temperature))]
