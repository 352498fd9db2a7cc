"""The workflow on a real Slurm, with the cluster's profile and every fault that a job there can meet.

One run at smoke scale, whose Snakemake is killed and started again: dynamics, also on MPI ranks, AFM shards, training
on the one GPU that the node claims, and a figure. Among its jobs, one is cancelled, one has too little memory at first,
and one runs out of time.
"""

import getpass
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import one_node_slurm
import pytest
import yaml
from checkout import LONGEST, SMOKE, Run, copy_checkout, environment, finished

OF_THIS_CLUSTER = {  # what is edited in the profile, as on any cluster
    "slurm-no-account": True,
    "slurm-status-command": "squeue",  # there is no accounting
    "slurm-init-seconds-before-status-checks": 2,
    "seconds-between-status-checks": 2,
    "jobs": 2,
}
LITTLE = {  # for rules that are to run short, in place of what the profile gives them at the paper's scale
    "amorphous_ice": {"tasks": 2},
    "film_windows": {"mem_mb": "200 * attempt ** 2"},  # MB; the first does not hold a job
}
SETTINGS = """
md: {production: 4.0}       # long enough to be cancelled half-way
afm: {shard_size: 12}       # one shard a film
training: {epochs: 600}     # longer than Slurm takes to see that the time is up
amorphous:
  prepared: ""
  states: {HDA: {temperatures: [77], pressures: [0.3]}}
  protocol: {compression_rate: 1.0e+4, compression_peak: 1.0, settle: 0.1, sampling: 0.1}
  md: {engine: lammps, compression_engine: lammps, repeats: [2, 2, 2], cutoff: 6.0, frame_interval: 0.1}
"""
SETTINGS_FILES = (*SMOKE, "cluster.yaml")
ICE = "results/smoke/amorphous/dynamics/HDA_0/trajectory.xtc"
FIGURE = "results/smoke/figures/afm_windows.png"
WEIGHTS = "results/smoke/learning/light/weights.safetensors"
RECORDS = [f"results/smoke/films/Au_c12_T{temperature}/record.png" for temperature in (180, 210, 270)]


def start(checkout: Path, slurm: dict[str, str], name: str) -> Run:
    """Snakemake on Slurm."""
    wanted = (ICE, FIGURE, WEIGHTS, *RECORDS, *SETTINGS_FILES)
    return Run(checkout, name, *wanted, "--workflow-profile", "profiles/slurm", **slurm)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Environment of a Slurm that lives as long as the tests."""
    if sentence := one_node_slurm.missing():
        pytest.skip(sentence)
    folder = tmp_path_factory.mktemp("slurm")
    try:
        yield one_node_slurm.up(folder)
    finally:
        one_node_slurm.down(folder)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    checkout = copy_checkout(tmp_path_factory.mktemp("cluster") / "icescope")
    (checkout / "cluster.yaml").write_text(SETTINGS)
    file = checkout / "profiles" / "slurm" / "config.yaml"
    profile = yaml.safe_load(file.read_text()) | OF_THIS_CLUSTER
    for rule, resources in LITTLE.items():
        profile["set-resources"][rule] |= resources
    profile["set-threads"] = {rule: 1 for rule in profile["set-threads"]}  # the node claims more cores than it has
    file.write_text(yaml.safe_dump(profile))
    return checkout


@pytest.fixture(scope="session")
def killed(slurm, checkout: Path) -> tuple[Counter, list[str]]:
    """What the first Snakemake had finished when it was killed, and the names of the jobs that lived on."""
    run = start(checkout, slurm, "killed")
    try:
        run.wait_for(lambda: jobs(slurm, "RUNNING"), "job")
        run.wait_for(lambda: finished(run.output), "finished job")
        run.wait_for(lambda: jobs(slurm, "RUNNING"), "job after it")
    finally:
        run.kill()
    return finished(run.output), [job["name"] for job in jobs(slurm, "RUNNING", "PENDING")]


@pytest.fixture(scope="session")
def resumed(slurm, checkout: Path, killed) -> str:
    """Output of the second Snakemake, which ends well although one of its jobs is cancelled."""
    ask(slurm, "scancel", "--user", getpass.getuser())  # of the first one, as the documentation says
    command = [sys.executable, "-m", "snakemake", "--unlock", *SETTINGS_FILES]
    subprocess.run(command, cwd=checkout, env=environment(checkout), check=True, timeout=LONGEST)
    run = start(checkout, slurm, "resumed")
    try:
        ask(slurm, "scancel", id_after(run, slurm, checkout, "film_trajectory", "films/{}/checkpoint.npz"))
        trained = id_after(run, slurm, checkout, "train_network", "train_network/{}/*/epoch.ckpt")
        ask(slurm, "scontrol", "update", f"jobid={trained}", "EndTime=now")  # its time is up, which Slurm sees in 30 s
        run.process.wait(LONGEST)
    finally:
        run.kill()
    assert run.process.returncode == 0, run.output
    return run.output


def id_after(run: Run, slurm: dict[str, str], checkout: Path, rule: str, checkpoint: str) -> str:
    """Number of a running job of a rule, once there is a checkpoint of it: at a path with the job's wildcard."""
    checkpoints = checkout / "results" / "smoke" / "checkpoints"
    found = []

    def is_there() -> bool:
        running = [job for job in of_rule(slurm, rule) if job["state"] == "RUNNING"]
        wildcards = {job["id"]: job["comment"].partition("_wildcards_")[2] for job in running}
        found[:] = [job for job, its in wildcards.items() if list(checkpoints.glob(checkpoint.format(its)))]
        return bool(found)

    run.wait_for(is_there, f"checkpoint of {rule}")
    return found[0]


def ask(slurm: dict[str, str], *command: str) -> str:
    return subprocess.run(command, env=slurm, check=True, capture_output=True, text=True, timeout=60).stdout


def jobs(slurm: dict[str, str], *states: str) -> list[dict[str, str]]:
    """All jobs so far, or those in some states."""
    fields = {"id": "JobID", "name": "Name", "state": "State", "gpu": "tres-per-job", "cores": "NumCPUs"}
    fields |= {"comment": "Comment"}
    columns = ",".join(f"{field}:|" for field in fields.values())
    text = ask(slurm, "squeue", "--states=all", "--noheader", "--Format", columns)
    found = [dict(zip(fields, line.split("|"), strict=False)) for line in text.splitlines()]
    return [job for job in found if not states or job["state"] in states]


def of_rule(slurm: dict[str, str], rule: str) -> list[dict[str, str]]:
    return [job for job in jobs(slurm) if re.search(rf"rule_{rule}(_wildcards|$)", job["comment"])]


def test_jobs_of_a_killed_snakemake_live_on_under_a_name_that_tells_whose_they_are(killed):
    done, alive = killed
    assert sum(done.values()) >= 1
    assert alive
    assert all(name.startswith("icescope") for name in alive)


def test_second_run_makes_all_that_was_asked_for(checkout: Path, resumed: str):
    for path in (ICE, FIGURE, WEIGHTS, *RECORDS):
        assert (checkout / path).is_file()
    assert {"train_network", "validate_network", "afm_stacks", "afm_windows"} <= set(finished(resumed))


def test_what_the_killed_snakemake_had_finished_is_not_done_again(killed, checkout: Path, resumed: str):
    done, _ = killed
    films = len(list((checkout / "results" / "smoke" / "films").glob("*/trajectory.xtc")))
    assert finished(resumed)["film_trajectory"] + done["film_trajectory"] == films


def test_gpu_jobs_and_no_others_have_the_gpu(slurm, resumed: str):
    assert {job["gpu"] for job in of_rule(slurm, "train_network")} == {"gres:gpu:1"}
    assert {job["gpu"] for job in of_rule(slurm, "film_trajectory")} == {"N/A"}


def test_short_jobs_share_a_job(slurm, resumed: str):
    assert len([job for job in jobs(slurm, "COMPLETED") if "film_records" in job["comment"]]) == 1
    assert of_rule(slurm, "film_record") == []


def test_mpi_job_runs_on_its_ranks(slurm, checkout: Path, resumed: str):
    assert {job["cores"] for job in of_rule(slurm, "amorphous_ice")} == {"2"}
    log = (checkout / "results/smoke/logs/amorphous_ice/HDA_0.log").read_text()
    assert "2 MPI ranks" in log


def test_cancelled_job_goes_on_from_its_checkpoint(slurm, checkout: Path, resumed: str):
    assert "CANCELLED" in {job["state"] for job in of_rule(slurm, "film_trajectory")}
    logs = [path.read_text() for path in (checkout / "results/smoke/logs/film_trajectory").glob("*.log")]
    assert any("resum" in log for log in logs)


def test_job_with_too_little_memory_gets_more(slurm, resumed: str):
    windows = of_rule(slurm, "film_windows")
    assert {"FAILED", "COMPLETED"} == {job["state"] for job in windows if job["state"] != "CANCELLED"}


def test_training_that_meets_its_time_limit_goes_on_from_its_checkpoint(slurm, checkout: Path, resumed: str):
    assert {"TIMEOUT", "COMPLETED"} <= {job["state"] for job in of_rule(slurm, "train_network")}
    log = (checkout / "results/smoke/logs/train_network/light.log").read_text()
    assert int(re.search(r"training from step (\d+)", log)[1]) > 0


def test_nothing_half_written_is_left(checkout: Path, resumed: str):
    assert [path for path in (checkout / "results").rglob("*") if "partial" in path.name] == []
