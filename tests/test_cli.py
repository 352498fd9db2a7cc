"""The commands as a user types them: what they write, what they say, and how they end."""

import os
import subprocess
import sys

import ase.io
import numpy as np
import pytest
import torch
import xarray as xr
from ase import Atoms
from typer.testing import CliRunner

from icescope import __version__
from icescope.afm import Scan, Tip, simulate
from icescope.afm.heights import ORIGINS
from icescope.afm.hydrate_stacks import point_charge_potential
from icescope.afm.measured import read_stack, write_stack
from icescope.afm.tip import MULTIPOLES
from icescope.cli import Multipole, Origin, app
from icescope.dft.files import write_cube
from icescope.maps.avdw import render
from icescope.storage import read, write

CARD = {
    "network": {"output": "avdw"},
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
    assert result.exit_code == 0 and "predict" in result.stdout and "simulate" in result.stdout


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
        ([300 * "n"], "nnn does not exist; give the folder that holds the images and cell.txt."),
        (["scan"], "scan has 3 images, but the network takes 10"),
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


# --- simulate -----------------------------------------------------------------------------------------------

FEW = ("--heights", 7.0, 7.2, 0.1, "--pixel-size", 0.5)


@pytest.fixture
def water(tmp_path, monkeypatch):
    """Two molecules, in a file with charges and in one without, in the current folder."""
    monkeypatch.chdir(tmp_path)
    positions = [[0, 0, 0], [0.8, 0.6, 0], [-0.8, 0.6, 0], [3, 0, 0.5], [3.8, 0.6, 0.5], [2.2, 0.6, 0.5]]
    atoms = Atoms("OHHOHH", positions)
    ase.io.write("bare.xyz", atoms, format="extxyz")
    atoms.set_initial_charges([-0.8, 0.4, 0.4] * 2)
    ase.io.write("water.xyz", atoms, format="extxyz")
    return atoms


def test_simulate_writes_a_folder_that_predict_reads(water):
    result = run("simulate", "water.xyz", *FEW)
    assert result.exit_code == 0, result.output
    assert result.stdout == "3 images of 21 x 16 pixels: see water_afm\n"  # 10.6 x 6.6 A
    assert "probe-particle model, O probe on 0.5 N/m with a monopole of -0.05 e" in result.stderr
    images = read_stack("water_afm")
    left, right, bottom, top = images.attrs["frame"]  # the quiet margin looks like one
    assert (images.sizes["y"] + bottom + top, images.sizes["x"] + left + right) == (16, 21) and len(images) == 3
    assert images.attrs["size"] == pytest.approx((10.6, 6.6))
    names = {path.name for path in os.scandir("water_afm")}
    assert names == {"0.png", "1.png", "2.png", "cell.txt", "overview.pdf", "stack.zarr.zip"}
    stack = read("water_afm/stack.zarr.zip", "afm_simulation")
    assert stack.attrs["inputs"] == '["water.xyz"]' and '"charge": -0.05' in stack.attrs["config"]


def test_each_option_reaches_the_simulation(water):
    options = ["--origin", "mean_oxygen", "--amplitude", 0.5, "--f0", 3e4, "--k0", 1500, "--tip-charge", -0.1]
    options += ["--multipole", "dz2", "--lateral-stiffness", 0.3, "--tilt", -0.2, 0.1]
    result = run("simulate", "water.xyz", *FEW, *options, "--out", "deep/out", "--format", "npz", "--format", "gsf")
    assert result.exit_code == 0, result.output
    names = {path.name for path in os.scandir("deep/out")}
    assert {"stack.npz", "0.gsf", "2.gsf"} < names and "stack.zarr.zip" not in names
    tip = Tip(charge=-0.1, multipole="dz2", lateral_stiffness=0.3, tilt=(-0.2, 0.1))
    with np.load("deep/out/stack.npz") as arrays:
        scan = Scan(arrays["x"], arrays["y"], 0.25 + np.arange(6.5, 7.75, 0.1))
        expected = simulate(water, tip, scan, 0.5, 3e4, 1500.0).frequency_shift.transpose("x", "y", "height")
        np.testing.assert_allclose(arrays["data"], expected, rtol=1e-3, atol=1e-3)


def write_potentials(atoms):
    """Those of a structure's charges around its scan, as the store of `icescope potential` and as a cube."""
    axes = {"x": np.arange(-5.5, 8.6, 0.25), "y": np.arange(-4.5, 5.1, 0.25), "z": np.arange(1.5, 5.6, 0.25)}
    grid = xr.DataArray(point_charge_potential(atoms, *axes.values()), axes, attrs={"units": "V"})
    write(xr.Dataset({"potential": grid}), "potential.zarr.zip", "potential", {})
    write_cube("potential.cube", grid, atoms)
    write_cube("small.cube", grid.isel(x=slice(20)), atoms)


@pytest.mark.parametrize("name", ["potential.zarr.zip", "potential.cube"])
def test_simulate_takes_a_potential_in_place_of_the_charges(water, name):
    write_potentials(water)
    assert run("simulate", "water.xyz", *FEW, "--out", "charges").exit_code == 0
    water.set_initial_charges(np.zeros(6))
    ase.io.write("uncharged.xyz", water, format="extxyz")
    result = run("simulate", "uncharged.xyz", *FEW, "--potential", name)
    assert result.exit_code == 0, result.output
    expected, found = (read(f"{folder}/stack.zarr.zip", "afm_simulation") for folder in ("charges", "uncharged_afm"))
    np.testing.assert_allclose(found.frequency_shift, expected.frequency_shift, atol=5e-3)
    assert "a given potential" in found.attrs["model"] and name in found.attrs["inputs"]


def test_charges_that_were_assumed_are_said(water):
    result = run("simulate", "bare.xyz", *FEW)
    assert result.exit_code == 0, result.output
    assert "bare.xyz gives no charges: assumed O -0.8476, H +0.4238 e" in result.stderr


def test_choices_are_those_of_the_package():
    assert tuple(Origin) == (*ORIGINS, "absolute") and tuple(Multipole) == MULTIPOLES


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.xyz"], "nowhere.xyz does not exist; give a file with a structure"),
        ([300 * "n", "--out", "new"], "nnn does not exist; give a file with a structure"),
        (["water.xyz", "--out", 300 * "n"], "nnn cannot be a folder: File name too long; give another one."),
        (["letter.xyz"], "letter.xyz cannot be read as a structure"),
        (["none.xyz"], "none.xyz holds no atoms."),
        (["silicon.xyz"], "no Lennard-Jones parameters for Si"),
        (["gold.xyz"], "heights above top_oxygen need an oxygen, and the structure has none"),
        (["water.xyz", "--heights", 9, 7, 0.1], "the heights must ascend"),
        (["water.xyz", "--heights", 1, 2, 0.1], "below the highest atom"),
        (["water.xyz", "--origin", "substrate", "--heights", 9, 10, 0.1], "heights above substrate need an atom of a"),
        (["water.xyz", "--origin", "absolute"], "not known above absolute; give the heights."),
        (["water.xyz", "--lateral-stiffness", 0], "the tip's lateral_stiffness must be positive"),
        (["water.xyz", "--out", "."], "exists already; give another folder"),
        (["water.xyz", "--potential", "none.cube"], "none.cube does not exist; give a cube, LOCPOT, XSF or"),
        (["water.xyz", "--potential", "water.xyz"], "water.xyz is no known potential"),
        (["water.xyz", "--potential", "letter.zarr.zip"], "letter.zarr.zip cannot be read as a potential"),
        (["water.xyz", "--potential", "small.cube"], "reaches from -5.50 to -0.75 A along x, but the probe goes from"),
    ],
)
def test_what_simulate_cannot_use_is_one_sentence_and_leaves_nothing(water, tmp_path, arguments, sentence):
    (tmp_path / "letter.xyz").write_text("Dear all,\nplease find\n")
    (tmp_path / "letter.zarr.zip").write_text("Dear all,\nplease find\n")
    (tmp_path / "none.xyz").write_text("0\n\n")
    write_potentials(water)
    ase.io.write("silicon.xyz", Atoms("OSi", [[0, 0, 0], [2, 0, 0]], charges=[0, 0]), format="extxyz")
    ase.io.write("gold.xyz", Atoms("Au", charges=[0]), format="extxyz")
    before = sorted(os.listdir())
    result = run("simulate", *arguments)
    assert result.exit_code == 1
    said = [line for line in result.stderr.splitlines() if not line.startswith("probe relaxation: ")]
    assert len(said) == 1 and said[0].startswith("icescope: ") and sentence in said[0]
    assert result.stdout == "" and sorted(os.listdir()) == before


def test_an_unknown_choice_is_a_usage_error(water):
    assert run("simulate", "water.xyz", "--origin", "top").exit_code == 2
    assert run("simulate", "water.xyz", "--format", "bmp").exit_code == 2
