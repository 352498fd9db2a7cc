"""The workflow as a user runs it, in a copy of the checkout; all tests share one run at smoke scale.

That run is killed in the middle and started again, so that what the other tests look at has been resumed.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from checkout import SMOKE, TINY_ICES, Run, copy_checkout, finished, snakemake
from PIL import Image

from icescope.learning.weights import load_weights
from icescope.storage import read

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = {
    "film_trajectory": "films/*/trajectory.xtc",
    "film_windows": "films/*/windows.zarr.zip",
    "afm_stacks": "afm/*/[0-9]*.zarr.zip",
}
HYDRATE_STORES = {
    "structures": "hydrates",
    "potentials": "hydrate_potentials",
    "dft_stacks": "afm_stacks",
    "charge_stacks": "afm_stacks",
}
TRANSFER = {"retrain_network", "afm_fig2", "afm_fig3", "afm_fig4", "afm_around_above", "afm_pt_retraining"}
THINNED = {"compression": 8, "pressed": 3}  # prepared dynamics of many frames, of which one in so many is kept
AMORPHOUS = {f"amorphous_{name}" for name in ("fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9", "table2")}
PREMELTING = {"ice_surface", "surface_layers", "surface_reading"}
PREMELTING |= {"premelting_phase_diagram", "premelting_reconstruction"}
HYDRATES = {"hydrates", "hydrate_potentials", "hydrate_stacks", "afm_dft_vs_charges"}


def planned(output: str) -> set[str]:
    """Rules that a dry run would run, from its table of job counts."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^(\w+) +\d+$", table[1], re.MULTILINE)) if table else set()


def times(results: Path) -> dict[Path, int]:
    """Time of last change of every finished trajectory, window store and AFM shard."""
    return {path: path.stat().st_mtime_ns for pattern in OUTPUTS.values() for path in results.glob(pattern)}


def thin(trajectory: Path, step: int) -> None:
    """Keep one frame in `step` of them."""
    universe = mda.Universe(trajectory.with_name("topology.pdb.gz"), trajectory)
    kept = trajectory.with_name("kept.xtc")
    universe.atoms.write(kept, frames=universe.trajectory[::step])
    kept.replace(trajectory)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    folder = copy_checkout(tmp_path_factory.mktemp("workflow") / "icescope")
    for name, step in THINNED.items():
        thin(folder / "data" / "phases" / name / "trajectory.xtc", step)
    return folder


@pytest.fixture(scope="session")
def killed(checkout: Path) -> tuple[Counter, dict[Path, int]]:
    """Start the smoke run, and kill it and all its jobs after the first AFM shard: what was finished, and when."""
    run = Run(checkout, "killed", *SMOKE, "--cores", "2")
    try:
        run.wait_for(lambda: finished(run.output)["afm_stacks"], "its first AFM shard")
    finally:
        run.kill()
    return finished(run.output), times(checkout / "results" / "smoke")


@pytest.fixture(scope="session")
def resumed(checkout: Path, killed) -> Counter:
    """Start the killed run again, and let it finish: the jobs of the second start."""
    assert snakemake(checkout, *SMOKE, "--unlock").returncode == 0
    run = snakemake(checkout, *SMOKE)
    assert run.returncode == 0, run.stdout
    return finished(run.stdout)


@pytest.fixture
def results(checkout: Path, resumed) -> Path:
    """Results of the finished smoke run."""
    return checkout / "results" / "smoke"


# --- before anything runs -----------------------------------------------------------------------------------


def test_lint_is_clean(checkout: Path):
    run = snakemake(checkout, "--lint")
    assert run.returncode == 0, run.stdout


def test_format_is_clean():
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("scale", "profile"),
    [
        ("demo", "default"),
        ("smoke", "default"),
        ("workstation", "default"),
        ("workstation", "gpu-workstation"),
        ("paper", "default"),
        ("paper", "slurm"),
    ],
)
def test_every_scale_gives_a_plan(tmp_path: Path, checkout: Path, scale: str, profile: str):
    overlay = () if scale == "demo" else ("--configfile", f"config/{scale}.yaml")
    shutil.copytree(checkout / "config", tmp_path / "config")  # a folder without results: everything is to be made
    where = ("--directory", str(tmp_path))
    run = snakemake(checkout, "-n", "--workflow-profile", f"profiles/{profile}", *overlay, *where)
    assert run.returncode == 0, run.stdout
    expected = {*OUTPUTS, *HYDRATES, *TRANSFER, *AMORPHOUS, "train_network", "afm_windows", "afm_heights"}
    assert planned(run.stdout) >= expected | {"random_stacks"} | PREMELTING


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("md={productoin: 2}", "config: unknown key 'md.productoin'; did you mean 'md.production'?"),
        ("network=lihgt", "config: network is 'lihgt', but it must be one of light, peaks, published."),
        ("md={production: 41.0}", "config: md.production must be a number in ps, not the text '41.0'"),
    ],
)
def test_wrong_configuration_is_one_sentence(checkout: Path, override: str, sentence: str):
    run = snakemake(checkout, "-n", "--config", override)
    assert run.returncode != 0
    assert sentence in run.stdout
    assert "Traceback" not in run.stdout
    assert "File " not in run.stdout


def test_prepared_ices_of_other_settings_are_one_sentence(checkout: Path):
    (checkout / "slower.yaml").write_text("amorphous: {compression: {rate: 0.5}}\n")
    run = snakemake(checkout, "-n", "--configfile", "slower.yaml")
    assert run.returncode != 0
    assert "config: amorphous.compression.rate is 0.5, but the ices of data/phases were made with 2.0;" in run.stdout
    assert "Traceback" not in run.stdout


def test_missing_table_of_experiments_is_one_sentence(checkout: Path):
    run = snakemake(checkout, "-n", "--config", "experiments=nowhere.tsv")
    assert run.returncode != 0
    assert "nowhere.tsv" in run.stdout
    assert "Traceback" not in run.stdout


# --- the run at smoke scale ---------------------------------------------------------------------------------


def test_killed_run_is_finished_without_redoing_what_was_done(results: Path, killed, resumed: Counter):
    done, before = killed
    after = times(results)
    for rule, pattern in OUTPUTS.items():
        assert done[rule] + resumed[rule] == len(list(results.glob(pattern))), f"{rule} ran more than once for a file"
        kept = [path for path in results.glob(pattern) if before.get(path) == after[path]]
        assert len(kept) >= done[rule] >= 1


def test_no_window_of_the_random_split_is_trained_on(results: Path):
    stores = list(results.glob("afm/*/random.zarr.zip"))
    assert stores
    for path in stores:
        held_out = read(path, "afm_stacks")
        trained_on = [read(shard, "afm_stacks") for shard in path.parent.glob("[0-9]*.zarr.zip")]
        assert held_out.sizes["sample"] and trained_on
        for stacks in trained_on:
            apart = np.abs(held_out.origin.values[:, None] - stacks.origin.values).max(-1)
            assert (apart > 1e-6).all()


def test_second_run_has_nothing_to_do(checkout: Path, results: Path):
    run = snakemake(checkout, *SMOKE)
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout


def test_nothing_half_written_is_left(results: Path):
    assert [path for path in results.rglob("*") if "partial" in path.name] == []


def test_deleting_a_figure_remakes_only_the_figure(checkout: Path, results: Path):
    (results / "figures" / "afm_fig2.png").unlink()
    run = snakemake(checkout, "afm_fig2", *SMOKE)
    assert run.returncode == 0, run.stdout
    assert finished(run.stdout) == {"afm_fig2": 1}


def test_editing_the_code_of_a_figure_reruns_only_what_depends_on_it(checkout: Path, results: Path):
    module = checkout / "src" / "icescope" / "figures" / "afm_fig2.py"
    before = module.read_text()
    try:
        module.write_text(before + "\n# edited\n")
        plan = planned(snakemake(checkout, "-n", *SMOKE).stdout)
    finally:
        module.write_text(before)
    assert "afm_fig2" in plan
    assert not plan & {*OUTPUTS, *HYDRATES, "train_network", "evaluate_network", "afm_windows", "afm_heights"}


def test_figures_are_pictures_with_their_numbers_beside_them(results: Path):
    figures = {path.stem: path for path in (results / "figures").glob("*.png")}
    assert set(figures) >= {
        "afm_windows",
        "afm_heights",
        "afm_dft_vs_charges",
        *TRANSFER - {"retrain_network"},
        *AMORPHOUS,
        "premelting_phase_diagram",
        "premelting_reconstruction",
    }
    for path in figures.values():
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"), dtype=float)
        assert min(grey.shape) >= 300
        assert grey.std() > 5
        assert path.with_suffix(".csv").is_file()


def test_tables_have_rows(results: Path):
    tables = [*results.rglob("*.csv")]
    assert results / "reproduction.csv" in tables
    for path in tables:
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        assert len(rows) >= 1, path
        assert {len(row) for row in rows} == {len(header)}, path


def test_reproduction_page_has_a_table(results: Path):
    assert "<table" in (results / "reproduction.html").read_text()


def test_every_hydrate_has_a_stack_from_dft_and_one_from_charges(results: Path):
    stores = {kind: sorted(results.glob(f"hydrates/*/{kind}/0.zarr.zip")) for kind in HYDRATE_STORES}
    assert {len(paths) for paths in stores.values()} == {4}  # one for each set
    for paths in zip(*stores.values(), strict=True):
        structures, potentials, dft, charges = map(read, paths, HYDRATE_STORES.values())
        assert potentials.converged.all()
        np.testing.assert_array_equal(dft.position, structures.position)
        assert dft.frequency_shift.shape == charges.frequency_shift.shape
        assert (dft.frequency_shift != charges.frequency_shift).any()


def test_every_ice_is_made_where_none_is_prepared(checkout: Path, resumed: Counter):
    """Dynamics of all kinds of ice, of two tiny ones that are joined, and of those under pressure."""
    (checkout / "ices.yaml").write_text(TINY_ICES)
    ices = checkout / "results" / "ices" / "amorphous"
    made = [
        ices / "interface" / "LDA.extxyz",
        ices / "interface" / "HDA.extxyz",
        ices / "dynamics/HDA_0/trajectory.xtc",
    ]
    run = snakemake(checkout, *(str(path.relative_to(checkout)) for path in made), "--configfile", "ices.yaml")
    assert run.returncode == 0, run.stdout
    assert finished(run.stdout) == {"interface_half": 2, "amorphous_ice": 1}
    # Runs so short end at the densities that they began with, where the two do not fit together.
    made[1].write_bytes(made[0].read_bytes())
    pressed = ices / "dynamics" / "pressed" / "record.csv"
    rest = ("--configfile", "ices.yaml", "--rerun-triggers", "mtime")
    run = snakemake(checkout, str(pressed.relative_to(checkout)), *rest)
    assert run.returncode == 0, run.stdout
    assert finished(run.stdout) == {"interface_relaxation": 1, "interface_compression": 1}
    with pressed.open(newline="") as file:
        assert {float(row["set_pressure_GPa"]) for row in csv.DictReader(file)} >= {0.2, 0.4}


def test_weights_have_a_card(results: Path):
    assert (results / "learning" / "light" / "weights.safetensors").stat().st_size > 10_000
    assert (results / "learning" / "light" / "weights.json").stat().st_size > 100


def test_a_training_may_start_from_given_weights(checkout: Path, results: Path):
    """With a rate of learning too small to change them, it gives them back."""
    shutil.copytree(results / "afm", results.parent / "further" / "afm")
    start = "results/smoke/learning/light/weights.safetensors"
    training = {"initial": start, "epochs": 1, "learning_rate": 1.0e-8}
    (checkout / "further.yaml").write_text(json.dumps({"run": "further", "training": training}))
    target = "results/further/learning/light/trained.safetensors"
    run = snakemake(checkout, target, *SMOKE, "further.yaml", "--allowed-rules", "train_network")
    assert run.returncode == 0, run.stdout
    assert finished(run.stdout) == {"train_network": 1}
    (initial, its_card), (trained, card) = (load_weights(checkout / path) for path in (start, target))
    assert card["initial"] == its_card["sha256"]
    for name, values in trained.state_dict().items():
        torch.testing.assert_close(values, initial.state_dict()[name], rtol=0, atol=1e-6)


def test_networks_trained_again_have_weights_and_a_score_for_every_seed(results: Path):
    names = {path.parent.name for path in results.glob("learning/*/accuracy_by_seed.csv")}
    sizes = ["1_epochs", "1_steps", "2_epochs"]  # at the largest size equal steps are equal epochs
    hydrates = {f"{origin}_{size}" for origin in ("transfer", "scratch") for size in sizes}
    assert names == hydrates | {"pt_retrained", "point_charges"}
    for name in names:
        assert (results / "learning" / name / "weights.safetensors").is_file()
        with (results / "learning" / name / "accuracy_by_seed.csv").open(newline="") as file:
            assert len({row["seed"] for row in csv.DictReader(file)}) == (1 if name == "pt_retrained" else 2)


def test_every_experiment_has_a_structure_with_confidences(checkout: Path, results: Path):
    with (checkout / "config" / "experiments.tsv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file, delimiter="\t")]
    assert names
    for name in names:
        count, comment, *atoms = (results / "experiments" / name / "structure.xyz").read_text().splitlines()
        assert len(atoms) == int(count)
        assert "confidence:R:1" in comment
        assert (results / "experiments" / name / "map.png").is_file()


def test_every_job_left_a_log(results: Path):
    logs = [*results.rglob("*.log")]
    assert logs
    assert all("started at commit" in path.read_text() for path in logs)


def test_report_is_one_page_with_the_figures(checkout: Path, results: Path):
    run = snakemake(checkout, "--report", "report.html", *SMOKE)
    assert run.returncode == 0, run.stdout
    page = (checkout / "report.html").read_text()
    assert "afm_windows" in page
    assert "afm_fig2" in page
