"""Profiles: each key is an option of Snakemake, and the cluster's profile knows every rule."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILES = {path.parent.name: yaml.safe_load(path.read_text()) for path in (ROOT / "profiles").glob("*/config.yaml")}
OVERHEAD = 500  # MB, the two nested snakemakes of a Slurm job and some room


def rules_that_run() -> dict[str, str]:
    """Text of every rule that runs something, by name; rules that only gather files are left out."""
    found = {}
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]:
        for block in re.split(r"^(?=\s*(?:rule|checkpoint) )", path.read_text(), flags=re.MULTILINE)[1:]:
            if re.search(r"^\s+(script|shell|run|notebook|wrapper):", block, re.MULTILINE):
                found[re.match(r"\s*\w+ (\w+)", block)[1]] = block
    return found


@pytest.fixture(scope="module")
def options() -> set[str]:
    help_text = subprocess.run(
        [sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True, check=True
    ).stdout
    return set(re.findall(r"--([a-z][a-z0-9-]+)", help_text))


@pytest.mark.parametrize("name", PROFILES)
def test_every_key_is_an_option_of_snakemake(name: str, options: set[str]):
    assert set(PROFILES[name]) - options == set()


def test_gpu_jobs_take_turns_on_a_gpu_and_use_all_cores_without_one():
    assert PROFILES["gpu-workstation"]["resources"]["gpu"] == 1
    assert "gpu" not in PROFILES["default"].get("resources", {})


@pytest.mark.parametrize("name", PROFILES)
def test_killed_jobs_run_again(name: str):
    assert PROFILES[name]["rerun-incomplete"] is True


def test_slurm_profile_has_resources_for_every_rule_and_no_other():
    assert set(PROFILES["slurm"]["set-resources"]) == set(rules_that_run())


def test_slurm_profile_gives_memory_and_time_that_hold_a_job():
    for entry in [PROFILES["slurm"]["default-resources"], *PROFILES["slurm"]["set-resources"].values()]:
        assert eval(str(entry["mem_mb"]), {"attempt": 1}) >= OVERHEAD
        assert eval(str(entry["runtime"]), {"attempt": 1}) > 0


@pytest.mark.parametrize("name", PROFILES)
def test_threads_are_set_for_known_rules_only(name: str):
    assert set(PROFILES[name].get("set-threads", {})) <= set(rules_that_run())


def test_groups_are_of_known_rules_and_have_a_size():
    slurm = PROFILES["slurm"]
    assert set(slurm["groups"]) <= set(rules_that_run())
    assert set(slurm["group-components"]) == set(slurm["groups"].values())


def test_retries_stand_in_the_profile_and_in_no_rule():
    assert PROFILES["slurm"]["retries"] >= 1
    assert [name for name, text in rules_that_run().items() if re.search(r"^\s+retries:", text, re.MULTILINE)] == []


@pytest.mark.parametrize("block", ["log", "benchmark", "threads", "resources", "conda"])
def test_every_rule_that_runs_has(block: str):
    def has(text: str) -> bool:
        return bool(re.search(rf"^\s+{block}:", text, re.MULTILINE))

    assert [name for name, text in rules_that_run().items() if not has(text)] == []
