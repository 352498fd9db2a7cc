"""Damaged files for every reader: does each end well, or with an InputError of one sentence, in time?

    python benchmarks/fuzz.py [READER ...] [--minutes M] [--seed N] [--jobs J]
    python benchmarks/fuzz.py READER --replay SEED

Each case is a valid file of tests/security/readers.py with the random damage of tests/security/damage.py, and is given
by one number. Cases run in a process of their own, which is killed when it hangs, and may take MEMORY more memory than
it begins with. Writes benchmarks/fuzz.json; files that crashed or hung a reader are kept in results/fuzz/READER/SEED/.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import resource
import secrets
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import count
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/fuzz.json"
KEPT = ROOT / "results/fuzz"
NAMES = (
    "stack", "weights", "classifier", "trajectory", "record", "structure", "potential", "store", "checkpoint", "config",
    "experiments",
)  # fmt: skip
LIMIT = 20.0  # s, for one case
GRACE = 10.0  # s, after which a case that does not heed the limit is killed
MEMORY = 4 * 2**30  # bytes
EXAMPLES = 3  # inputs that are kept of each fault
LIBRARIES = ("icescope", "ase", "MDAnalysis", "numpy", "pandas", "pillow", "safetensors", "torch", "xarray", "zarr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(NAMES)}; all when not given")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each reader")
    parser.add_argument("--seed", type=int, help="of the first case; drawn when not given")
    parser.add_argument("--jobs", type=int, default=1, help="readers at a time")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one case in this process, with its traceback")
    options = parser.parse_args()
    chosen = options.readers or NAMES
    if unknown := set(chosen) - set(NAMES):
        parser.error(f"no such reader: {', '.join(unknown)}")
    if options.replay is not None:
        for name in chosen:
            _replay(name, options.replay)
        return
    first = secrets.randbelow(10**9) if options.seed is None else options.seed
    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(
            zip(chosen, pool.map(lambda name: _fuzz(name, first, 60 * options.minutes), chosen), strict=True)
        )
    from machine import machine

    made = machine()
    made["versions"] |= {name: version(name) for name in LIBRARIES}
    results = {name: result | {"commit": made["commit"], "date": made["date"]} for name, result in results.items()}
    if RESULTS.is_file():  # those of other readers stay
        results = json.loads(RESULTS.read_text())["readers"] | results
    settings = {"seconds_per_case": LIMIT, "memory_GiB": MEMORY / 2**30}
    RESULTS.write_text(json.dumps({"readers": results, **settings, "machine": made}, indent=1) + "\n")


def _fuzz(name: str, first: int, seconds: float) -> dict:
    """Cases of one reader from the seed `first` on, for so long; what became of them."""
    context = multiprocessing.get_context("spawn")
    outcomes, faults, slowest = Counter(), {}, (0.0, first)
    seeds, spent, worker = count(first), 0.0, None
    while spent < seconds:
        if worker is None:
            here, there = context.Pipe()
            worker = context.Process(target=_work, args=(name, there), daemon=True)
            worker.start()
            there.close()
            here.recv()  # ready
        seed, begun = next(seeds), time.monotonic()
        here.send(seed)
        if here.poll(LIMIT + GRACE):
            try:
                outcome, what, elapsed = here.recv()
            except EOFError:
                worker.join()
                outcome, what, elapsed = "crash", f"the process ended with {worker.exitcode}", 0.0
        else:
            outcome, what, elapsed = "hang", "not even the alarm ended it", LIMIT + GRACE
        spent += time.monotonic() - begun
        outcomes[outcome] += 1
        slowest = max(slowest, (elapsed, seed))
        if outcome in ("crash", "hang"):
            found = faults.setdefault(what, [])
            found.append(seed)
            if len(found) <= EXAMPLES:
                _keep(name, seed)
        if what.startswith(("the process", "not even")):
            worker.kill()
            worker = None
    if worker:
        worker.kill()
    result = {
        "cases": outcomes.total(),
        "read": outcomes["read"],
        "refused": outcomes["refused"],
        "crashes": outcomes["crash"],
        "hangs": outcomes["hang"],
        "faults": {what: {"cases": len(found), "seeds": found[:EXAMPLES]} for what, found in faults.items()},
        "slowest": {"seconds": round(slowest[0], 2), "seed": slowest[1]},
        "first_seed": first,
        "seconds": round(spent),
    }
    print(name, json.dumps(result), flush=True)
    return result


def _work(name: str, pipe) -> None:
    """Run the cases whose seeds come through a pipe, until it is closed; runs in a process of its own."""
    reader, files = _prepared(name)
    for valid in files.values():  # what Numba compiles is compiled before the clock runs
        with tempfile.TemporaryDirectory() as folder:
            _put(valid, Path(folder))
            reader.read(Path(folder))
    signal.signal(signal.SIGALRM, _alarm)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    pipe.send("ready")
    while True:
        seed = pipe.recv()
        begun = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        try:
            outcome, what = _case(reader, files, seed)
        except _Hang as error:
            outcome, what = "hang", _where(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.send((outcome, what, time.monotonic() - begun))


class _Hang(BaseException):
    """A case is over its limit; not an Exception, so that no reader catches it."""


def _alarm(*_) -> None:
    raise _Hang


def _where(error: BaseException) -> str:
    """An exception and the last line of icescope, or of the tests, that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/icescope/" in frame.filename] or frames
    return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _case(reader, files: dict, seed: int) -> tuple[str, str]:
    """Outcome, and what went wrong if anything did, of one case."""
    from readers import fault

    with tempfile.TemporaryDirectory() as folder:
        _write(files, seed, Path(folder))
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                refused, wrong = fault(reader, Path(folder))
        except Exception as error:
            return "crash", _where(error)
    return ("crash", wrong) if wrong else ("refused" if refused else "read", "")


def _prepared(name: str):
    """A reader, and its valid files of each format."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/security")]
    import torch
    from readers import READERS, valid

    torch.set_num_threads(1)
    return READERS[name], valid(name)


def _write(files: dict, seed: int, folder: Path) -> None:
    """The damaged files of a case."""
    from damage import damaged

    rng = Random(seed)
    _put(damaged(files[rng.choice(sorted(files))], rng), folder)


def _put(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _keep(name: str, seed: int) -> None:
    """Write the files of a case into results/fuzz."""
    folder = KEPT / name / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    _write(_prepared(name)[1], seed, folder)


def _replay(name: str, seed: int) -> None:
    reader, files = _prepared(name)
    with tempfile.TemporaryDirectory() as folder:
        _write(files, seed, Path(folder))
        print(f"{name} {seed}: read, {reader.read(Path(folder))}")


if __name__ == "__main__":
    main()
