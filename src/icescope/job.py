"""What every job of the workflow has around it: a log file, lines on the terminal, errors in one sentence."""

import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from icescope.errors import InputError
from icescope.provenance import git_commit


@contextmanager
def job(log_file: str, name: str) -> Iterator[None]:
    """Log to `log_file` and to the terminal; end with one sentence and status 1 on an `InputError`.

    The log begins with the job's name and the commit; an error that is not the user's keeps its traceback in the log.
    """
    Path(log_file).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(log_file, mode="w")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[to_file, to_terminal], force=True)
    logging.getLogger(__name__).info("%s started at commit %s", name, git_commit())
    try:
        yield
    except InputError as error:
        logging.getLogger(__name__).error("%s", error)
        raise SystemExit(1) from None
    except Exception:
        logging.getLogger(__name__).exception("%s failed", name)
        raise


def processors(snakemake) -> dict:
    """What `md.engines.engine` runs on in a job of the workflow: its threads, and what starts its MPI ranks.

    A job has ranks where a profile gives its rule the resources `mpi`, a command such as "srun --mpi=pmi2", and
    `tasks`, their number.
    """
    mpi = shlex.split(snakemake.resources.get("mpi", ""))
    launcher = [*mpi, "-n", str(snakemake.resources.tasks)] if mpi else []
    return {"threads": snakemake.threads, "launcher": launcher}
