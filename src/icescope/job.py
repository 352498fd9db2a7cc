"""What every job of the workflow has around it: a log file, lines on the terminal, errors in one sentence."""

import logging
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
    """What `md.engines.engine` runs on in a job of the workflow: threads, and MPI ranks where a profile gives them.

    A profile does so by the resources `mpi` and `tasks` of a rule.
    """
    resources = snakemake.resources
    return {"threads": snakemake.threads, "mpi": resources.get("mpi", ""), "tasks": resources.get("tasks", 1)}
