"""`icescope classify` as a user types it, on trajectories in the formats that people have."""

import os
import warnings

import ase.io
import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from trajectories import drifting_ice, lammps_dump, universe
from typer.testing import CliRunner

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.phase_weights import save_classifier
from icescope.amorphous.phases import MODELS
from icescope.amorphous.soap import features
from icescope.cli import PhaseModel, app
from icescope.storage import read

FILES = {"phases.zarr.zip", "phases.extxyz", "fractions.csv", "fractions.png"}
NAMES = {"gromacs": ("run.xtc", "--top", "box.gro"), "lammps": ("run.lammpsdump",), "xyz": ("oxygens.extxyz",)}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:MDAnalysis")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Untrained weights and one trajectory in a sheared cell, drifting out of it, in three formats and in parts."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(4)
    for model, phases in MODELS.items():
        for descriptors in ("O", "O,H"):
            classifier = PhaseClassifier(len(features(descriptors)), len(phases))
            classifier.temperature.fill_(0.1)
            card = {"model": model, "phases": list(phases), "descriptors": descriptors}
            save_classifier(classifier, card, folder / f"phases_{model}_{descriptors.replace(',', '')}.safetensors")
    frames = drifting_ice(3)
    made = universe(frames, True, names=["OW", "HW1", "HW2", "MW"])
    made.add_TopologyAttr("resname", ["SOL"] * 16)
    made.atoms.write(folder / "box.gro")
    made.atoms.write(folder / "run.xtc", frames="all")
    (folder / "cut.xtc").write_bytes((folder / "run.xtc").read_bytes()[:-40])
    universe(frames, False, names=["C", "HW1", "HW2"]).atoms.write(folder / "oil.gro")
    universe(frames, False, names=["OW", "HW1", "HW2"]).atoms.write(folder / "oil.xtc", frames="all")
    lammps_dump(frames, folder / "run.lammpsdump")
    wrapped = [frame.copy() for frame in frames]
    for frame in wrapped:
        frame.wrap()
    lammps_dump(wrapped, folder / "wrapped.lammpsdump")
    ase.io.write(folder / "oxygens.extxyz", [frame[frame.symbols == "O"] for frame in frames])
    ase.io.write(folder / "melting.extxyz", [frames[0], frames[1][:-3]])
    ase.io.write(folder / "salt.extxyz", Atoms("Na", cell=[9, 9, 9], pbc=True))
    (folder / "cut.extxyz").write_text((folder / "oxygens.extxyz").read_text()[:-100])
    for name in ("empty.xtc", "empty.extxyz"):
        (folder / name).touch()
    return folder


@pytest.fixture
def here(files, tmp_path, monkeypatch):
    """An empty current folder, and the files above as those of the package."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("icescope.amorphous.phase_weights.SHIPPED", files)
    return tmp_path


@pytest.fixture
def classify(files, here):
    """Run the command on a trajectory among the files; gives the result and the folder for it."""

    def run(trajectory: str, *arguments):
        paths = [str(files / one) if str(one).endswith((".gro", ".safetensors")) else str(one) for one in arguments]
        result = CliRunner().invoke(app, ["classify", str(files / trajectory), *paths])
        return result, here / f"{trajectory.rsplit('.', 1)[0]}_phases"

    return run


def phases(folder):
    return read(folder / "phases.zarr.zip", "phases")


@pytest.mark.parametrize("form", NAMES)
def test_each_format_gives_all_files(classify, form):
    result, folder = classify(*NAMES[form])
    assert result.exit_code == 0, result.output
    assert {path.name for path in os.scandir(folder)} == FILES
    dataset = phases(folder)
    assert dict(dataset.probability.sizes) == {"frame": 3, "molecule": 16, "phase": 2}
    assert dataset.attrs["descriptors"] == ("O" if form == "xyz" else "O,H")
    assert np.isnan(dataset.time).all() if form != "gromacs" else dataset.time.values.tolist() == [0, 1, 2]
    table = pd.read_csv(folder / "fractions.csv", index_col="frame")
    assert table.columns.tolist() == ["time_ps", "LDA", "HDA", "IA"] and table.index.tolist() == [0, 1, 2]
    np.testing.assert_allclose(table[["LDA", "HDA", "IA"]].sum(axis=1), 1, atol=1e-5)
    atoms = ase.io.read(folder / "phases.extxyz", ":")
    for number, frame in enumerate(atoms):
        assert table.LDA[number] == pytest.approx((frame.arrays["phase"] == "LDA").mean(), abs=1e-5)
    last = result.stdout.strip()
    assert last.startswith(f"LDA {100 * table.LDA.mean():.1f} %, HDA {100 * table.HDA.mean():.1f} %, IA ")
    assert last.endswith(f"of 16 molecules, mean of 3 frames: see {folder.name}") and "\n" not in last


def test_unwrapped_coordinates_give_the_same_probabilities(classify):
    """And so do GROMACS's, which keep 0.01 A."""
    folders = [classify("run.lammpsdump")[1], classify("wrapped.lammpsdump")[1]]
    one, other = map(phases, folders)
    np.testing.assert_allclose(one.probability, other.probability, atol=1e-4)
    result, folder = classify("run.xtc", "--top", "box.gro", "--out", "gromacs")
    assert result.exit_code == 0
    np.testing.assert_allclose(phases(folder.with_name("gromacs")).probability, one.probability, atol=0.02)


def test_options_reach_the_result(classify, files):
    result, folder = classify("run.xtc", "--top", "box.gro", "--model", "M3", "--every", "2", "--threshold", "0.6")
    assert result.exit_code == 0, result.output
    dataset = phases(folder)
    assert dataset.frame.values.tolist() == [0, 2] and dataset.time.values.tolist() == [0, 2]
    assert dataset.phase.values.tolist() == ["LDA", "MDA", "HDA"]
    table = pd.read_csv(folder / "fractions.csv", index_col="frame")
    np.testing.assert_allclose(table.MDA, (dataset.probability[..., 1] > 0.6).mean("molecule"), atol=1e-5)
    assert "MDA" in result.stdout and "mean of 2 frames" in result.stdout
    assert '"threshold": 0.6' in dataset.attrs["config"] and "phases_M3_OH.safetensors" in dataset.attrs["inputs"]
    assert len(dataset.attrs["weights"]) == 64


def test_weights_for_oxygens_do_for_all(classify):
    """With and without the hydrogens that they do not see."""
    result, folder = classify("run.lammpsdump", "--weights", "phases_M2_O.safetensors")
    assert result.exit_code == 0, result.output
    with_hydrogens = phases(folder)
    _, folder = classify("oxygens.extxyz")
    np.testing.assert_allclose(phases(folder).probability, with_hydrogens.probability, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.xtc"], "none.xtc does not exist; give the file of a trajectory"),
        (["empty.xtc", "--top", "box.gro"], "empty.xtc is empty; the run that writes it may not have begun."),
        (["empty.extxyz"], "empty.extxyz is empty"),
        (["salt.extxyz"], "holds Na, which is not of water"),
        (["oil.xtc", "--top", "oil.gro"], "holds C, which is not of water"),
        (["cut.xtc", "--top", "box.gro"], "cut off (it ends within a frame)."),
        (["cut.extxyz"], "cannot be read after frame 1: it is damaged or cut off"),
        (["run.xtc"], "does not say which atom is what; give a topology with --top."),
        (["melting.extxyz"], "frame 1 has 15 molecules and frame 0 has 16"),
        (
            ["oxygens.extxyz", "--weights", "phases_M2_OH.safetensors"],
            "oxygens.extxyz has oxygens alone; give weights for oxygens (O), or leave out --weights.",
        ),
        (
            ["oxygens.extxyz", "--weights", "phases_M2_O.safetensors", "--model", "M3"],
            "are of the model M2, not M3; leave out --model.",
        ),
        (["oxygens.extxyz", "--weights", "none.safetensors"], "none.safetensors does not exist; weights are"),
        (["oxygens.extxyz", "--threshold", "0.4"], "take one from 0.5 to below 1"),
        (["oxygens.extxyz", "--out", "."], "exists already; give another folder"),
    ],
)
def test_what_cannot_be_classified_is_one_sentence_and_leaves_nothing(classify, here, arguments, sentence):
    (here / "mine.txt").touch()  # so that the current folder is not empty
    result, _ = classify(*arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr and "Traceback" not in result.output
    assert result.stderr.startswith("icescope: ") and result.stderr.strip().count("\n") == 0
    assert result.stdout == "" and [path.name for path in os.scandir(here)] == ["mine.txt"]


def test_wrong_choices_are_usage_errors(classify):
    assert classify("run.xtc", "--model", "M1")[0].exit_code == 2
    assert classify("run.xtc", "--every", "0")[0].exit_code == 2
    assert tuple(PhaseModel) == tuple(MODELS)


@pytest.mark.parametrize("form", NAMES)
def test_no_warning_of_a_library_reaches_the_user(classify, form):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result, _ = classify(*NAMES[form])
    assert result.exit_code == 0
    shown = [one for one in said if not issubclass(one.category, DeprecationWarning | PendingDeprecationWarning)]
    assert [str(one.message) for one in shown] == []
