"""The commands as a user types them: what they write, what they say, and how they end."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from icescope import __version__
from icescope.afm.measured import write_stack
from icescope.cli import app, newest_weights
from icescope.errors import InputError
from icescope.maps.avdw import render

CARD = {
    "network": {},
    "pixel_size": 0.4,
    "heights": 3,
    "window_pixels": 64,
    "window_size": [25.6, 25.6, 3.0],
    "sha256": "ab" * 32,
    "scale": "smoke",
    "labels": {
        "disc_radius": {"O": 0.75, "H": 0.55},
        "pose_bound": 0.7,
        "threshold": 0.5,
        "matching_radius": {"O": 0.74, "H": 0.528},
    },
}


class Red(torch.nn.Module):
    """White maps with one red disc, an oxygen, in the middle of each tile."""

    def forward(self, images):
        one = np.array([1])
        disc = render(np.array([[12.8, 12.8, 0.0]]), 0 * one, one, 64, 0.4, CARD["labels"]["disc_radius"])
        return disc.expand(len(images), -1, -1, -1)


@pytest.fixture
def scan(tmp_path, monkeypatch):
    """A folder with three images of 64 x 64 pixels, 2.56 nm wide, in the current folder."""
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, size=(3, 64, 64)).astype(np.uint8)
    write_stack(tmp_path / "scan", images, (25.6, 25.6), "a comment")
    return tmp_path / "scan"


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr("icescope.learning.weights.load_weights", lambda path: (Red(), CARD))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_version():
    result = run("--version")
    assert result.exit_code == 0 and result.stdout.strip() == f"icescope {__version__}"


def test_help_names_the_command():
    result = run("--help")
    assert result.exit_code == 0 and "predict" in result.stdout


def test_the_command_line_starts_without_heavy_libraries():
    code = "import sys, icescope.cli; print(sorted({'torch', 'xarray', 'matplotlib', 'ase'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_predict_writes_three_files_and_says_where(scan, network, tmp_path):
    result = run("predict", scan, "--weights", "some.safetensors", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    report = tmp_path / "out" / "report.md"
    assert result.stdout.strip() == f"1 O: see {report} (weights some.safetensors, scale smoke)"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"structure.xyz", "map.png", "report.md"}


def test_results_go_beside_where_the_command_is_run(scan, network, tmp_path):
    assert run("predict", "scan", "--weights", "some.safetensors").exit_code == 0
    assert (tmp_path / "scan_predicted" / "report.md").is_file()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["nowhere"], "nowhere does not exist; give the folder that holds the images and cell.txt."),
        (["scan/0.png"], "scan/0.png is not a folder"),
        (["scan"], "run `make run` there first, or give a file with --weights"),
        (["scan", "--weights", "none.safetensors"], "none.safetensors does not exist"),
        (["scan", "--out", "scan"], "is the folder of the images; give another one"),
    ],
)
def test_a_fault_of_the_user_is_one_sentence_and_status_one(scan, arguments, sentence):
    result = run("predict", *arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr and "Traceback" not in result.output
    assert result.stderr.strip().startswith("icescope: ") and result.stderr.strip().count("\n") == 0
    assert result.stdout == ""


def test_too_few_images_say_how_many_are_needed(scan, network):
    (scan / "2.png").unlink()
    result = run("predict", scan, "--weights", "some.safetensors")
    assert result.exit_code == 1 and "has 2 images, but the network takes 3" in result.stderr


def test_a_missing_argument_is_a_usage_error(scan):
    assert run("predict").exit_code == 2


def test_the_newest_weights_are_taken(tmp_path):
    for age, name in ((30, "a"), (10, "b"), (20, "c")):
        path = tmp_path / "results" / name / "learning" / "unet.safetensors"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert newest_weights(tmp_path).parts[-3] == "b"


def test_no_weights(tmp_path):
    with pytest.raises(InputError, match="There are no weights under"):
        newest_weights(tmp_path)
