"""Seeds, versions and source hashes: what makes a result traceable and a rerun exact.

Only the standard library is imported here, because the Snakefile uses this module at parse time.
"""

import ast
import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from icescope import __version__

PACKAGE = Path(__file__).resolve().parent


def derive_seed(seed: int, *names: object) -> int:
    """Seed of one job: a hash of the run's seed and of the names that tell the job apart.

    Returns an integer in [0, 2**31), so that OpenMM, NumPy and PyTorch all take it.
    """
    text = json.dumps([seed, *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def git_commit() -> str:
    """Commit of the checkout that the package is run from; "unknown" outside one, "+" marks local edits."""
    try:
        git = ["git", "-C", str(PACKAGE), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def provenance(config: dict | None = None, seed: int | None = None, inputs: tuple[str, ...] = ()) -> dict[str, str]:
    """Attributes that every output carries: version, commit, config slice and seed as JSON, input names."""
    return {
        "icescope_version": __version__,
        "git_commit": git_commit(),
        "config": json.dumps(config or {}, sort_keys=True),
        "seed": json.dumps(seed),
        "inputs": json.dumps([str(name) for name in inputs]),
    }


def source_hash(script: str | Path) -> str:
    """Hash of a script, of every icescope module that it imports, directly or through others, and of their tables.

    The tables of a module are the CSV files in its folder of the package, and in folders of tables alone there, such
    as `md/force_fields/spce.csv`.
    A rule keeps it among its params, so that an edit reruns the rules that depend on the edited module
    and no others.
    """
    seen: set[Path] = set()
    waiting = [Path(script).resolve()]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(_imported_modules(path))
    folders = {path.parent for path in seen if path.is_relative_to(PACKAGE)}
    seen.update(
        table
        for folder in folders
        for table in [*folder.glob("*.csv"), *folder.glob("*/*.csv")]
        if table.parent == folder or not any(table.parent.glob("*.py"))
    )
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _imported_modules(path: Path) -> tuple[Path, ...]:
    """Files of the icescope modules that one Python file names in its import statements."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    files = []
    for name in names:
        first, *rest = name.split(".")
        if first == "icescope":
            stem = PACKAGE.joinpath(*rest)
            files += [file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()]
    return tuple(sorted(files))
