"""Names and paths that a user gives end up where they should, or are refused with one sentence."""

import copy
from pathlib import Path

import ase.io
import numpy as np
import pytest
import xarray as xr
import yaml
from ase import Atoms
from readers import READERS, ROOT, SCHEMA, predicted

from icescope.afm.measured import read_stack
from icescope.config import check_config, read_experiments
from icescope.errors import LONGEST, InputError
from icescope.figures.afm_stack import draw_stack
from icescope.figures.experiment import draw_prediction
from icescope.figures.potential import draw_plane
from icescope.structures.read import read_structure

DEMO = yaml.safe_load((ROOT / "config/config.yaml").read_text())
EVIL = [
    "", ".", "..", "../up", "a/../../b", "/etc", "/", "~", "~root", "a b", "a\nb", "demo\n", "\n", "a\x00b", "-rf",
    "--help", "$(touch x)", "`touch x`", "a;b", "a|b", "a&b", "*", "?", "{film}", "a}", "a\\b", "..\\up", "C:\\x",
    "d\u0435mo", "\uff44emo", "demo\u2024", "demo\u202e", "a\u200bb", "é", "\ud800", "x" * 101, "x" * 100_000,
    "\x1b[2J", "a'b", 'a"b', "a#b", "%s",
]  # fmt: skip


def sentence(action, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        action(*arguments)
    found = str(caught.value)
    assert found.isprintable() and len(found) <= LONGEST + 5 and found.endswith((".", "?"))
    return found


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_name_of_a_run_stays_under_results(name):
    assert "run " in sentence(check_config, DEMO | {"run": name}, SCHEMA)


@pytest.mark.parametrize("name", ["demo", "demo-2", "2026.11.27", "a_b", "x" * 100])
def test_usual_names_of_runs_are_taken(name):
    check_config(DEMO | {"run": name}, SCHEMA)
    assert Path("results", name).resolve().parent == Path("results").resolve()


@pytest.mark.parametrize("group", ["networks", "hydrates.sets", "films.splits", "amorphous.states"])
@pytest.mark.parametrize("name", EVIL[1:], ids=ascii)
def test_names_of_networks_sets_and_films_are_fixed(group, name):
    config = copy.deepcopy(DEMO)
    here = config
    for part in group.split("."):
        here = here[part]
    here[name] = next(iter(here.values()))
    assert "unknown key" in sentence(check_config, config, SCHEMA)


@pytest.mark.parametrize("value", ["../x", "Au\n", "$(x)", ["Au"], "A" * 10_000])
def test_names_of_films_come_from_known_metals_and_whole_numbers(value):
    for key, wrong in (("metal", value), ("temperatures", [value]), ("coverages", [value])):
        config = copy.deepcopy(DEMO)
        config["films"]["splits"]["train"][key] = wrong
        assert "films.splits.train" in sentence(check_config, config, SCHEMA)


@pytest.mark.parametrize("key", ["films.trajectories", "amorphous.prepared", "training.initial"])
def test_path_that_cannot_be_one_is_refused_before_anything_runs(key):
    config = copy.deepcopy(DEMO)
    group, name = key.split(".")
    config[group][name] = "x" * 300
    assert f"{key} is 'xxx" in sentence(check_config, config, SCHEMA)


@pytest.mark.parametrize("name", [name for name in EVIL if "\x00" not in name and "\ud800" not in name], ids=ascii)
def test_name_of_an_experiment_stays_under_results(name, tmp_path):
    cell = '"' + name.replace('"', '""') + '"'
    text = f"name\tfolder\tdescription\n{cell}\tconfig\tx\n"
    (tmp_path / "t.tsv").write_bytes(text.encode())
    if name == "demo\n":  # spaces around a cell do not count
        assert list(read_experiments(tmp_path / "t.tsv", ROOT)) == ["demo"]
    else:
        assert "row 1 has the name" in sentence(read_experiments, tmp_path / "t.tsv", ROOT)


@pytest.mark.parametrize("folder", ["x" * 300, "a\x00b", "no\nwhere", "config/config.yaml"], ids=ascii)
def test_folder_of_an_experiment_that_cannot_be_one_is_refused(folder, tmp_path):
    (tmp_path / "t.tsv").write_text(f'name\tfolder\tdescription\na\t"{folder}"\tx\n')
    sentence(read_experiments, tmp_path / "t.tsv", ROOT)


def test_table_of_experiments_that_cannot_be_one_is_refused():
    for table in ("x" * 300, "a\x00b", str(ROOT)):
        sentence(read_experiments, table, ROOT)


@pytest.mark.parametrize("name", ["a b", "it's", "a$(b)", "-x", "$x^$", "a\nb", "%d", "{film}", "é"])
def test_folder_of_images_may_have_any_name(name, tmp_path):
    READERS["stack"].write(tmp_path)
    (tmp_path / "png").rename(tmp_path / name)
    assert read_stack(tmp_path / name).attrs["folder"] == str(tmp_path / name)
    READERS["stack"].read(tmp_path / name)


def test_file_that_is_named_as_the_terminal_is_read(tmp_path, monkeypatch):
    """ASE takes "-" for what is typed."""
    monkeypatch.chdir(tmp_path)
    ase.io.write("water.traj", Atoms("O"))
    Path("water.traj").rename("-")
    assert len(read_structure("-")) == 1


def test_titles_of_figures_are_not_taken_for_formulas(tmp_path):
    """Between two $ Matplotlib sees a formula, and stops at one that is none."""
    READERS["stack"].write(tmp_path)
    for image in (tmp_path / "png").glob("*.png"):
        image.rename(image.with_name(f"$\\frac${image.name}"))
    x = 0.5 * np.arange(4)
    shift = xr.DataArray(np.random.default_rng(1).normal(size=(4, 4, 4)), {"height": x, "y": x, "x": x})
    stack = xr.Dataset({"frequency_shift": shift}, attrs={"model": "a model", "height_origin": "absolute"})
    potential = xr.DataArray(shift.values, {"x": x, "y": x, "z": x})
    for figure in (
        draw_prediction(predicted(read_stack(tmp_path / "png"))),
        draw_stack(stack, "$\\frac$.xyz"),
        draw_plane(potential, Atoms("O", [[0, 0, 0]]), 1.0, "$\\frac$.xyz"),
    ):
        figure.savefig(tmp_path / "figure.png")


def test_message_is_one_line_of_bounded_length():
    error = InputError("a\nb\x1b[2J\u202e  c  d\ud800" + "x" * 10_000 + " end.")
    assert str(error).isprintable() and len(str(error)) < 1600
    assert str(error).startswith("a b [2J c  d") and str(error).endswith("x end.")
