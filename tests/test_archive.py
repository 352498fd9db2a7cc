"""The archive of a run: what is in it, checked by programs that know nothing of icescope; and what it refuses."""

import json
import os
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from checkout import SMOKE, copy_checkout, finished, snakemake

from icescope.archive import finished_files, write_archive
from icescope.errors import InputError

CONFIG = {
    "run": "tiny",
    "films": {"trajectories": "/scratch/someone/films", "layers": [2, 3]},
    "experiments": "mine.tsv",
}
FINAL = {
    "figures/afm fig2.png": b"\x89PNG",
    "figures/afm fig2.csv": b"species,accuracy\nO,0.7\n",
    "learning/light/weights.safetensors": b"\0" * 1000,
    "learning/light/weights.json": b"{}",
    "learning/light/test_predictions.zarr.zip": b"PK",
    "films/Au_c12_T180/record.csv": b"time_ps\n0\n",
    "hydrates/train/structures/0.zarr.zip": b"PK",
    "experiments/mine/structure.xyz": b"0\n\n",
    "reproduction.html": b"<table></table>",
}
LEFT_OUT = [
    "films/Au_c12_T180/trajectory.xtc",
    "films/Au_c12_T180/windows.zarr.zip",
    "afm/Au_c12_T180/0.zarr.zip",
    "hydrates/train/potentials/0.zarr.zip",
    "hydrates/train/dft_stacks/0.zarr.zip",
    "checkpoints/films/Au_c12_T180/record.csv",
    "figures/.afm_fig3.png.partial.png",
    "logs/archive.log",
]
ADDED = {"config.yaml", "software.txt", "ro-crate-metadata.json", "SHA256SUMS"}


def fill(folder: Path) -> Path:
    """A folder that looks like the results of a run."""
    for name, content in {**FINAL, **dict.fromkeys(LEFT_OUT, b"large")}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return fill(tmp_path / "results" / "tiny")


@pytest.fixture
def unpacked(results: Path, tmp_path: Path) -> Path:
    write_archive(results, CONFIG, tmp_path / "tiny.zip")
    with zipfile.ZipFile(tmp_path / "tiny.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_sums(folder: Path) -> subprocess.CompletedProcess:
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_archive_holds_every_finished_result_unchanged_and_nothing_else(unpacked: Path):
    packed = contents(unpacked)
    assert set(packed) == set(FINAL) | ADDED
    assert {name: packed[name] for name in FINAL} == FINAL


def test_sha256sum_finds_every_file_whole(unpacked: Path):
    check = check_sums(unpacked)
    assert check.returncode == 0, check.stderr
    checked = {line.removesuffix(": OK") for line in check.stdout.splitlines()}
    assert checked == set(contents(unpacked)) - {"SHA256SUMS"}


def test_sha256sum_finds_a_file_that_was_changed(unpacked: Path):
    (unpacked / "learning/light/weights.json").write_bytes(b"[]")
    check = check_sums(unpacked)
    assert check.returncode != 0
    assert "learning/light/weights.json: FAILED" in check.stdout


def test_metadata_is_an_ro_crate_that_lists_every_file(unpacked: Path):
    crate = json.loads((unpacked / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert "https://w3id.org/ro/crate/1.1/context" in crate["@context"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset"
    assert all(root[key] for key in ("name", "description", "datePublished", "license"))
    parts = {part["@id"] for part in root["hasPart"]}
    assert {unquote(part) for part in parts} == set(contents(unpacked)) - {"ro-crate-metadata.json"}
    for part in parts:
        entity, path = entities[part], unpacked / unquote(part)
        assert entity["@type"] == "File"
        assert entity["name"] == path.name
        assert "/" in entity["encodingFormat"]
        if path.name != "SHA256SUMS":
            digest = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
            assert (entity["sha256"], int(entity["contentSize"])) == (digest, path.stat().st_size)
    run = next(entity for entity in crate["@graph"] if entity["@type"] == "CreateAction")
    assert {unquote(one["@id"]) for one in run["result"]} == set(FINAL)
    assert run["object"]["@id"] == "config.yaml"
    assert entities[run["instrument"]["@id"]]["softwareRequirements"]["@id"] == "software.txt"


def test_versions_are_those_that_are_imported(unpacked: Path):
    import numpy

    assert f"numpy=={numpy.__version__}" in (unpacked / "software.txt").read_text().splitlines()


def test_folders_of_this_machine_stay_out_of_the_archive(unpacked: Path, tmp_path: Path):
    packed = yaml.safe_load((unpacked / "config.yaml").read_text())
    assert packed == CONFIG | {"films": {"trajectories": "films", "layers": [2, 3]}}
    for name, content in contents(unpacked).items():
        for place in (str(Path.home()), str(Path.cwd()), str(tmp_path), "someone"):
            assert f"{place}/".encode() not in content, name


def test_result_that_names_a_folder_of_this_machine_is_refused(results: Path, tmp_path: Path):
    (tmp_path / "tiny.zip").write_bytes(b"an earlier archive")
    (results / "experiments/mine/structure.xyz").write_text(f"0\nsource={Path.home()}/scans/mine\n")
    with pytest.raises(InputError, match=r"structure\.xyz names the folder .* of this machine; .*make the file again"):
        write_archive(results, CONFIG, tmp_path / "tiny.zip")
    assert (tmp_path / "tiny.zip").read_bytes() == b"an earlier archive"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "tiny.zip"]


def test_same_results_give_the_same_bytes(results: Path, tmp_path: Path):
    write_archive(results, CONFIG, tmp_path / "first.zip")
    for path in results.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(0, path.stat().st_mtime_ns))  # read since then, not changed
    write_archive(results, CONFIG, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_unpacked_archive_can_be_archived_again(unpacked: Path, tmp_path: Path):
    assert finished_files(unpacked) == sorted(FINAL)


@pytest.mark.parametrize("linked", ["figures/secret.csv", "learning/other"])
def test_link_that_leads_outside_is_refused(results: Path, tmp_path: Path, linked: str):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("secret")
    (results / linked).symlink_to(outside / "secret.csv" if linked.endswith(".csv") else outside)
    with pytest.raises(InputError, match=r"secret\.csv leads outside .*tiny; put the file itself there"):
        write_archive(results, CONFIG, tmp_path / "tiny.zip")
    assert not (tmp_path / "tiny.zip").exists()


def test_link_within_the_results_is_packed_as_the_file(results: Path, tmp_path: Path):
    (results / "figures/first.csv").symlink_to(results / "figures/afm fig2.csv")
    write_archive(results, CONFIG, tmp_path / "tiny.zip")
    with zipfile.ZipFile(tmp_path / "tiny.zip") as archive:
        assert archive.read("figures/first.csv") == FINAL["figures/afm fig2.csv"]


@pytest.mark.parametrize("name", ["nothing", "unfinished"])
def test_nothing_to_archive_is_one_sentence(tmp_path: Path, name: str):
    (tmp_path / "unfinished/checkpoints").mkdir(parents=True)
    with pytest.raises(InputError, match=r"has no finished results to archive; run the workflow first\.$"):
        write_archive(tmp_path / name, CONFIG, tmp_path / "tiny.zip")
    assert not (tmp_path / "tiny.zip").exists()


def test_target_archive_packs_what_is_there_and_starts_nothing_else(tmp_path: Path):
    checkout = copy_checkout(tmp_path / "icescope")
    empty = snakemake(checkout, "archive", *SMOKE)
    assert empty.returncode != 0
    assert "archive: results/smoke has no finished results to archive; run the workflow first." in empty.stdout
    fill(checkout / "results/smoke")
    run = snakemake(checkout, "archive", *SMOKE)
    assert run.returncode == 0, run.stdout
    assert finished(run.stdout) == {"archive": 1}
    with zipfile.ZipFile(checkout / "results/icescope_smoke.zip") as archive:
        assert set(archive.namelist()) == set(FINAL) | ADDED
        packed = yaml.safe_load(archive.read("config.yaml"))
    assert packed["run"] == "smoke"
    assert packed["md"]["timestep"] == yaml.safe_load((checkout / "config/config.yaml").read_text())["md"]["timestep"]
    assert "Nothing to be done" in snakemake(checkout, "archive", *SMOKE).stdout
    (checkout / "results/smoke/reproduction.html").write_text("<table>again</table>")
    assert finished(snakemake(checkout, "archive", *SMOKE).stdout) == {"archive": 1}
