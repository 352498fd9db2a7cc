import subprocess
import sys
from pathlib import Path

import pytest

from icescope.provenance import PACKAGE, derive_seed, source_hash

SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"


def test_seeds_differ_by_name_and_repeat():
    seeds = {derive_seed(1, "film", f"Au_c{c}_T{t}") for c in range(10) for t in range(10)}
    assert len(seeds) == 100 and all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(1, "film", "a") == derive_seed(1, "film", "a") != derive_seed(2, "film", "a")
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")


def test_source_hash_follows_imports_and_nothing_else(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from icescope.maps.scores import match\n")
    before = source_hash(script)
    assert source_hash(script) == before
    script.write_text("from icescope.maps.scores import match\nfrom icescope import cli\n")
    assert source_hash(script) != before


def test_every_script_depends_on_the_modules_it_runs(monkeypatch):
    """An edit of a module changes the hash of the scripts that import it, directly or through others."""
    import icescope.provenance as provenance

    def hashes():
        provenance._imported_modules.cache_clear()
        return {script.name: source_hash(script) for script in SCRIPTS.glob("*.py")}

    before = hashes()
    edit(monkeypatch, PACKAGE / "afm" / "frequency_shift.py")
    changed = {name for name, value in hashes().items() if value != before[name]}
    assert "afm_stacks.py" in changed
    assert not changed & {"film_trajectory.py", "film_windows.py", "reproduction.py"}


@pytest.mark.parametrize(
    ("table", "needs", "does_not"),
    [
        ("md/force_fields/spce.csv", {"film_trajectory.py", "film_windows.py"}, set()),
        ("afm/lennard_jones.csv", {"afm_stacks.py"}, {"film_trajectory.py", "film_windows.py"}),
        ("figures/published.csv", {"reproduction.py"}, {"film_trajectory.py", "afm_stacks.py"}),
    ],
)
def test_edit_of_a_table_changes_the_scripts_whose_modules_lie_beside_it(monkeypatch, table, needs, does_not):
    before = {script.name: source_hash(script) for script in SCRIPTS.glob("*.py")}
    edit(monkeypatch, PACKAGE / table)
    changed = {script.name for script in SCRIPTS.glob("*.py") if source_hash(script) != before[script.name]}
    assert needs <= changed and not does_not & changed


def test_tables_beside_a_script_are_no_part_of_its_hash(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from icescope.maps.scores import match\n")
    before = source_hash(script)
    (tmp_path / "results.csv").write_text("a,b\n")
    assert source_hash(script) == before


def edit(monkeypatch, edited):
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"# edit" if path == edited else b""))


def test_modules_used_at_parse_time_import_nothing_heavy():
    program = "import sys, icescope.config, icescope.provenance; print([m for m in ('torch', 'xarray', 'openmm', 'pandas') if m in sys.modules])"  # noqa: E501
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
