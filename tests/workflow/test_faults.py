"""What can go wrong under a run on one machine: a damaged store, a full disk, a second Snakemake, a job that is killed.

Films are those of data/films, so that nothing but windows and stacks is computed.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from checkout import LONGEST, SMOKE, Run, copy_checkout, finished, snakemake

SETTINGS = (*SMOKE, "faults.yaml")
FILM = "Au_c12_T180"
STACKS = Path("results/smoke/afm")
SHARD = f"{STACKS}/{FILM}/0.zarr.zip"
WEIGHTS = "results/smoke/learning/light/trained.safetensors"
SMALL_DISK = 100_000  # bytes; a shard at smoke scale takes more


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    checkout = copy_checkout(tmp_path_factory.mktemp("faults") / "icescope")
    (checkout / "faults.yaml").write_text("films: {trajectories: data/films}\n")
    return checkout


def start(checkout: Path, *arguments: str) -> Run:
    return Run(checkout, "started", *arguments, *SETTINGS, "--cores", "1")


def test_full_disk_is_one_sentence_and_leaves_nothing_that_looks_finished(checkout: Path):
    disk = checkout / STACKS
    disk.mkdir(parents=True)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"a small disk cannot be mounted here, which takes root: {mount.stderr.strip()}")
    try:
        run = snakemake(checkout, SHARD, *SETTINGS)
        assert run.returncode != 0
        assert f"{SHARD} could not be written: No space left on device." in run.stdout
        assert "Traceback" not in (checkout / f"results/smoke/logs/afm_stacks/{FILM}_0.log").read_text()
        assert [path for path in disk.rglob("*") if path.is_file()] == []
        subprocess.run(["mount", "-o", f"remount,size={100 * SMALL_DISK}", str(disk)], check=True)
        run = snakemake(checkout, SHARD, *SETTINGS)
        assert run.returncode == 0, run.stdout
        assert finished(run.stdout) == {"afm_stacks": 1}  # the windows were kept
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_second_snakemake_on_the_same_folder_is_refused_and_the_first_goes_on(checkout: Path):
    first = start(checkout, WEIGHTS)
    try:
        first.wait_for(lambda: "Select jobs to execute" in first.output, "job")
        second = snakemake(checkout, WEIGHTS, *SETTINGS)
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout
        assert first.process.wait(LONGEST) == 0
    finally:
        first.kill()
    assert (checkout / WEIGHTS).is_file()
    (checkout / WEIGHTS).unlink()


def test_damaged_shard_is_named_and_made_again_when_it_is_removed(checkout: Path):
    run = snakemake(checkout, WEIGHTS, "--until", "afm_stacks", *SETTINGS)
    assert run.returncode == 0, run.stdout
    shard = checkout / SHARD
    content = bytearray(shard.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = os.urandom(64)
    age = shard.stat()
    shard.write_bytes(content)
    os.utime(shard, ns=(age.st_atime_ns, age.st_mtime_ns))  # as a disk damages it, unseen
    run = snakemake(checkout, WEIGHTS, *SETTINGS)
    assert run.returncode != 0
    log = (checkout / "results/smoke/logs/train_network/light.log").read_text()
    assert SHARD in log and "Traceback" not in log
    shard.unlink()
    run = snakemake(checkout, WEIGHTS, *SETTINGS)
    assert run.returncode == 0, run.stdout
    assert finished(run.stdout) == {"afm_stacks": 1, "train_network": 1}


def test_job_that_is_killed_runs_again_where_the_profile_retries(checkout: Path):
    """As the kernel kills a job that takes too much memory: Snakemake lives on."""
    (checkout / SHARD).unlink()
    first = start(checkout, SHARD, "--retries", "1")
    scripts = ["pgrep", "--session", str(first.process.pid), "--full", "afm_stacks.py"]
    try:
        first.wait_for(lambda: subprocess.run(scripts, capture_output=True).stdout, "script")
        for pid in subprocess.run(scripts, capture_output=True, text=True).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        assert first.process.wait(LONGEST) == 0
    finally:
        first.kill()
    assert (checkout / SHARD).is_file()
    assert "Trying to restart job" in first.output
