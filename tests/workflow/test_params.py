"""Params of the jobs of the ices: what no job reads is in no job's params, so that a change of it reruns nothing."""

from pathlib import Path

import pytest
import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

ROOT = Path(__file__).resolve().parents[2]
RESULTS = "results/phases/amorphous"
TARGETS = {
    f"{RESULTS}/dynamics/pressed/record.csv",
    f"{RESULTS}/dynamics/compression/record.csv",
    f"{RESULTS}/classifiers/M3_O_random.json",
    "results/phases/figures/amorphous_table2.csv",
}


def params(folder: Path, amorphous: dict) -> dict[str, dict]:
    """Params of each job where nothing is made yet, by its first output."""
    overlay = folder / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"amorphous": amorphous}))
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    if not (empty / "config").exists():
        (empty / "config").symlink_to(ROOT / "config")
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            ResourceSettings(cores=1),
            ConfigSettings(configfiles=[ROOT / "config/phases.yaml", overlay]),
            snakefile=ROOT / "Snakefile",
            workdir=empty,
        )
        workflow.dag(DAGSettings(targets=TARGETS)).execute_workflow("dryrun")
        return {str(job.output[0]): dict(job.params.items()) for job in workflow._workflow.dag.jobs}


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> dict[str, dict]:
    return params(tmp_path_factory.mktemp("before"), {})


@pytest.mark.parametrize(
    ("amorphous", "expected"),
    [
        ({"protocol": {"displacements": 5, "annealing": 1.0}}, {f"dynamics/MDA_{number}" for number in range(3)}),
        (
            {"protocol": {"melt": 1.0, "cooling_rate": 1.0}},
            {"interface/LDA", *(f"dynamics/LDA_{number}" for number in range(3))},
        ),
        (
            {"protocol": {"compression_peak": 2.0, "compression_rate": 1.0}},
            {"interface/HDA", *(f"dynamics/HDA_{number}" for number in range(3))},
        ),
        (
            {"md": {"repeats": [2, 2, 2]}},
            {f"dynamics/{phase}_{number}" for phase in ("LDA", "MDA", "HDA") for number in range(3)},
        ),
        ({"classifier": {"importance_molecules": 20}}, {"figures/amorphous_table2"}),
    ],
    ids=["MDA", "LDA", "HDA", "cells", "importance"],
)
def test_a_setting_is_in_the_params_of_what_reads_it_alone(
    tmp_path: Path, before: dict[str, dict], amorphous: dict, expected: set[str]
):
    after = params(tmp_path, amorphous)
    assert after.keys() == before.keys()
    changed = [output for output in after if after[output] != before[output]]
    assert len(changed) == len(expected)
    for part in expected:
        assert any(part in output for output in changed), part
