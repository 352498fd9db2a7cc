"""What a run is planned to cost, beside Snakemake's own plan, runs that are done, benchmarks, and the Slurm profile."""

import gzip
import json
import re
import subprocess
import sys
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from icescope.cli import app
from icescope.errors import InputError
from icescope.plan import PlannedJob, job_costs, plan_table, plan_text, planned_jobs, unit_costs

ROOT = Path(__file__).resolve().parents[1]
PAPER, SLURM = ROOT / "config" / "paper.yaml", ROOT / "profiles" / "slurm"
ENGINES = re.compile("by (openmm|lammps|gromacs)$")
SHARDED = {"afm_stacks", "hydrates", "hydrate_potentials", "hydrate_stacks"}
SHORTEST, LONGEST = 2 / 60, 4.0  # h, of a job that is one shard: its start costs little, and a kill loses little
# Stacks of a shard take a minute where its potentials take hours: one size for both cannot be right for both.
SHORT = {"hydrate_stacks"}
# The kernel counts memory of the process that starts a command as the command's own: here all that the tests before
# have taken. So a small process starts it, which says at the end the CPU time, s, and peak memory, kB, of the command.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stderr=subprocess.STDOUT).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def paper() -> list[PlannedJob]:
    return planned_jobs(ROOT, [PAPER], SLURM)


@pytest.fixture(scope="module")
def ices() -> list[PlannedJob]:
    """The run that data/phases is from."""
    return planned_jobs(ROOT, [ROOT / "config" / "phases.yaml"])


@pytest.fixture(scope="module")
def paper_hours(paper) -> pd.DataFrame:
    return job_costs(paper, unit_costs())


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory) -> tuple[str, float, float]:
    """Snakemake's own dry run at paper scale without results: what it prints, CPU time, s, and peak memory, GB."""
    folder = tmp_path_factory.mktemp("empty")
    for name in ("config", "data"):
        (folder / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "snakemake", "-n", "--configfile", str(PAPER), "--directory", str(folder)]
    run = subprocess.run([sys.executable, "-c", MEASURE, *command], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    seconds, kilobytes = map(float, run.stderr.split())
    return run.stdout, seconds, kilobytes / 1e6


def counts(jobs: list[PlannedJob]) -> dict[str, int]:
    return pd.Series([job.rule for job in jobs]).value_counts().to_dict()


def total(jobs: list[PlannedJob], rule: str, unit: str) -> float:
    return sum(job.work[unit] for job in jobs if job.rule == rule)


# --- jobs and their work ------------------------------------------------------------------------------------


def test_jobs_are_those_of_the_dry_run(paper, dry_run):
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", dry_run[0], re.MULTILINE | re.DOTALL)
    expected = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)}
    assert counts(paper) | {"all": 1} == expected


def test_planning_the_paper_scale_is_quick_and_small(dry_run):
    _, seconds, gigabytes = dry_run
    assert seconds < 60
    assert gigabytes < 2


def test_ices_are_planned_for_as_long_as_they_took(ices):
    for phase in ("LDA", "MDA", "HDA"):
        record = pd.read_csv(ROOT / "data" / "phases" / f"{phase}_0" / "record.csv")
        jobs = [job for job in ices if job.rule == "amorphous_ice"]
        molecule_ps = {round(value) for job in jobs for unit, value in job.work.items() if ENGINES.search(unit)}
        assert round(432 * record.time_ps.iloc[-1]) in molecule_ps


def test_films_are_planned_with_their_atoms(tmp_path):
    overlay = tmp_path / "one.yaml"
    splits = {"train": {"temperatures": [150], "coverages": [12]}}
    overlay.write_text(yaml.safe_dump({"films": {"splits": splits}, "md": {"production": 40.0}}))
    with gzip.open(ROOT / "data" / "films" / "Au_c12_T150" / "topology.pdb.gz", "rt") as file:
        atoms = sum(line.startswith(("ATOM", "HETATM")) for line in file)
    works = [job.work for job in planned_jobs(ROOT, [overlay]) if job.rule == "film_trajectory"]
    assert {"atom-ps by openmm": atoms * 60.0, "atom-frame": atoms * 80.0} in works


def test_a_run_is_planned_alike_under_any_name_and_may_start_from_another(tmp_path):
    """Stores are known by their folders, of which a run may bear the name; its own results are made anew."""
    for entry in ROOT.iterdir():
        if entry.name not in ("results", ".snakemake"):
            (tmp_path / entry.name).symlink_to(entry)
    for run in ("first", "hydrates"):
        (tmp_path / "results" / run).mkdir(parents=True)
        for shipped in (ROOT / "src/icescope/weights").glob("peaks.*"):
            (tmp_path / "results" / run / shipped.name).symlink_to(shipped)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("run: hydrates\ntraining: {initial: results/first/peaks.safetensors}\n")
    named, plain = planned_jobs(tmp_path, [overlay]), planned_jobs(ROOT)
    assert sorted(map(repr, named)) == sorted(map(repr, plain))
    overlay.write_text("run: hydrates\ntraining: {initial: results/hydrates/peaks.safetensors}\n")
    with pytest.raises(InputError, match=r"training.initial is 'results/hydrates/peaks.safetensors'"):
        planned_jobs(tmp_path, [overlay])


def test_paper_scale_is_that_of_the_paper(paper):
    """80,000 windows of 128 x 128 pixels and 21 images, 20,000 more to test and on Pt, 10,000 of a random split, 3500
    hydrates."""
    assert total(paper, "afm_stacks", "million pixels") == pytest.approx(100_000 * 128**2 * 21 / 1e6)
    assert total(paper, "random_stacks", "million pixels") == pytest.approx(10_000 * 128**2 * 21 / 1e6, rel=0.01)
    assert total(paper, "hydrates", "hydrate") == 3500
    trials = pd.read_csv(ROOT / "benchmarks" / "networks.csv").set_index("trial")
    of_64_pixels = trials.GFLOP["avdw, published network, batch 4"]
    assert total(paper, "train_network", "training GFLOP") == pytest.approx(70_000 * 60 * 4 * of_64_pixels, rel=1e-3)


# --- costs --------------------------------------------------------------------------------------------------


def test_table_adds_up_what_is_measured_and_names_what_is_not():
    keys = pd.MultiIndex.from_tuples([("a", "job"), ("a", "step"), ("b", "job")], names=["rule", "unit"])
    columns = {
        "core_seconds": [36.0, 3.6, 72.0],
        "cores": ["one", "", ""],
        "gpu_seconds": [nan, nan, 7.2],
        "megabytes": [nan, 5.0, nan],
        "source": "measured",
    }
    jobs = [PlannedJob("a", 2, 0, {"job": 1, "step": steps}) for steps in (10, 90, 990)]
    jobs += [PlannedJob("b", 1, 1, {"job": 1}), PlannedJob("c", 1, 1, {"job": 1})]
    table = plan_table(job_costs(jobs, pd.DataFrame(columns, keys)))
    a = table.loc["a"]
    assert a.to_dict() == pytest.approx(
        {
            "jobs": 3,
            "core_hours": 0.03 + 1.09,
            "gpu_hours": 0.0,
            "longest_h": 0.01 + 0.99 / 2,
            "typical_h": 0.01 + 0.09 / 2,
            "storage_GB": 5.45,
        }
    )
    assert table.loc["b", ["core_hours", "gpu_hours"]].tolist() == pytest.approx([0.02, 0.002])
    assert isnan(table.core_hours["c"]) and isnan(table.gpu_hours["c"]) and isnan(table.storage_GB["c"])
    *lines, first, second, _ = plan_text(table).splitlines()
    assert lines[-1].split() == ["total", "5", "1.1", "0.002", "0.51", "5.5"]
    assert first.endswith("the core-hours and storage of: c.")
    assert second.endswith("the GPU-hours of: c.")


def test_no_unit_is_without_a_job_that_has_it(paper, ices):
    demo = planned_jobs(ROOT)
    known = {(job.rule, ENGINES.sub("", unit)) for job in [*paper, *ices, *demo] for unit in job.work}
    priced = {(rule, ENGINES.sub("", unit)) for rule, unit in unit_costs().index}
    assert priced <= known
    assert unit_costs().index.is_unique


def from_benchmarks() -> dict[str, float]:
    """Core-seconds of each unit that a benchmark has measured, by the source that the table of costs names."""
    results = ROOT / "benchmarks"
    costs = {}
    for row in json.loads((results / "md.json").read_text())["speed"]:
        source = f"benchmarks/md.json: {row['engine']}, {row['molecules']} molecules"
        costs[source] = 86.4 / row["ns_per_day"] / row["molecules"]
    clusters = pd.DataFrame(json.loads((results / "dft.json").read_text())["clusters"])
    seconds, power = clusters.seconds_scf + clusters.seconds_fast, clusters.orbitals**2.5
    costs["benchmarks/dft.json: scf and fast of all clusters"] = seconds.sum() / power.sum()
    for name, row in json.loads((results / "classify.json").read_text())["results"].items():
        molecules = int(re.search(r"(\d+) molecules", name)[1])
        costs[f"benchmarks/classify.json: {name}"] = row["processor_seconds"] / molecules
    table = pd.read_csv(results / "networks.csv")
    costs["benchmarks/networks.csv: mean of all trials"] = (1 / (table.samples_per_core_s * table.GFLOP)).mean()
    return costs


def test_costs_that_benchmarks_have_measured_are_in_step_with_them():
    costs, measured = unit_costs(), from_benchmarks()
    taken = costs[costs.source.str.startswith("benchmarks/")]
    assert len(taken) > 10
    for key, row in taken.iterrows():
        assert row.core_seconds == pytest.approx(measured[row.source], rel=0.01), key


# --- the paper's scale on a cluster -------------------------------------------------------------------------


@pytest.mark.parametrize("rule", sorted(SHARDED))
def test_shards_are_minutes_to_hours(paper_hours, rule):
    hours = paper_hours[paper_hours.rule == rule].hours
    assert rule in SHORT or hours.min() > SHORTEST
    assert hours.max() < LONGEST


def test_no_job_is_longer_than_its_first_attempt_may_be(paper):
    """Of jobs that get a GPU there, whose speed is not measured, that part which stays on one core."""
    profile = yaml.safe_load((SLURM / "config.yaml").read_text())
    jobs = [replace(job, cores=10**9) if job.gpus else job for job in paper]
    longest = job_costs(jobs, unit_costs()).groupby("rule").hours.max()
    settings = {rule: profile["set-resources"].get(rule, profile["default-resources"]) for rule in longest.index}
    allowed = {rule: float(str(setting["runtime"]).split("*")[0]) / 60 for rule, setting in settings.items()}
    too_long = {rule: round(hours, 2) for rule, hours in longest.items() if hours > allowed[rule]}
    assert too_long == {}


# --- the command --------------------------------------------------------------------------------------------


def test_command_finds_the_checkout_from_a_folder_below(monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    run = CliRunner().invoke(app, ["plan", "--config", "../config/smoke.yaml"])
    assert run.exit_code == 0, run.output
    assert re.search(r"^afm_stacks +10 ", run.output, re.MULTILINE)
    assert re.search(r"^total +\d+ ", run.output, re.MULTILINE)
    assert Path.cwd() == ROOT / "docs"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("md: {productoin: 2}", "config: unknown key 'md.productoin'; did you mean 'md.production'?"),
        ("md: [", "not valid JSON or YAML"),
        (None, "there is no configuration"),
    ],
)
def test_wrong_configuration_is_one_sentence(tmp_path, monkeypatch, content, sentence):
    monkeypatch.chdir(ROOT)
    overlay = tmp_path / "mine.yaml"
    if content:
        overlay.write_text(content)
    run = CliRunner().invoke(app, ["plan", "--config", str(overlay)])
    assert run.exit_code == 1
    assert sentence in run.output
    assert "Traceback" not in run.output


def test_outside_of_a_checkout_it_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(app, ["plan"])
    assert run.exit_code == 1
    assert "go to the checkout" in run.output


def test_profile_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no profile"):
        planned_jobs(ROOT, [], tmp_path)
