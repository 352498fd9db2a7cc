"""A copy of the checkout in which a test runs the workflow, or edits it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("Snakefile", "workflow", "config", "profiles", "envs", "src", "data")
SMOKE = ("--configfile", "config/smoke.yaml")
LONGEST = 2400  # s, for one call of Snakemake
TINY_ICES = """
run: ices
amorphous:
  prepared: ""
  states: {HDA: {temperatures: [77], pressures: [0.3]}}
  protocol: {melt: 0.1, cooling_rate: 1.0e+5, compression_rate: 1.0e+4, settle: 0.1, sampling: 0.1}
  md: {repeats: [2, 2, 2], cutoff: 6.0, frame_interval: 0.1, checkpoint_interval: 0.2}
  interface:
    repeats: {HDA: [2, 2, 2], LDA: [2, 2, 2]}
    settle: 0.1
    relaxation: 0.2
    pressures: [0.2, 0.4]
    rate: 2000.0
"""


def copy_checkout(target: Path) -> Path:
    """Copy what a run needs to a fresh folder."""
    target.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def environment(folder: Path) -> dict[str, str]:
    """Environment in which the package is the copy's own, so that a test may edit it."""
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake on two cores; its output, with errors, is in `stdout`."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--cores", "2"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
    )


def finished(output: str) -> Counter:
    """Jobs that a run finished, by rule."""
    return Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", output))


class Run:
    """Snakemake in a session of its own, so that it and its jobs can be killed; its output is in a file."""

    def __init__(self, folder: Path, name: str, *arguments: str, **variables: str):
        self._log = folder / f"{name}.log"
        with self._log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *arguments],
                cwd=folder,
                env=environment(folder) | variables,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_for(self, happened: Callable[[], object], what: str) -> None:
        """Until something has happened; an error if the run ends before."""
        deadline = time.monotonic() + LONGEST
        while not happened():
            assert self.process.poll() is None, f"the run ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {what} after {LONGEST} s:\n{self.output}"
            time.sleep(0.1)

    def kill(self) -> None:
        """With its jobs, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
