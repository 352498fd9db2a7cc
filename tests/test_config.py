"""The configuration: every scale is valid, every key is documented, every fault is one clear sentence."""

import copy
from pathlib import Path

import pytest
import yaml

from icescope.config import _lattice_constants, check_config, leaves, read_experiments
from icescope.errors import InputError
from icescope.md.force_field import species_table

CONFIG = Path(__file__).resolve().parents[1] / "config"
SCHEMA = CONFIG / "schemas" / "config.schema.yaml"
DEMO = yaml.safe_load((CONFIG / "config.yaml").read_text())
OVERLAYS = sorted(path for path in CONFIG.glob("*.yaml") if path.name != "config.yaml")
LEAVES = dict(leaves(yaml.safe_load(SCHEMA.read_text())))


def merged(base: dict, overlay: dict) -> dict:
    """Merge as Snakemake does: groups key by key, all else replaced."""
    result = dict(base)
    for key, value in overlay.items():
        result[key] = merged(base.get(key, {}), value) if isinstance(value, dict) else value
    return result


def changed(path: str, value: object) -> dict:
    """The demo configuration with one dotted key set, whether it is known or not."""
    config = copy.deepcopy(DEMO)
    *groups, name = path.split(".")
    here = config
    for group in groups:
        here = here.setdefault(group, {})
    here[name] = value
    return config


def problem(config: dict) -> str:
    with pytest.raises(InputError) as caught:
        check_config(config, SCHEMA)
    sentence = str(caught.value)
    assert sentence.startswith("config: ")
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    return sentence


def test_demo_is_valid():
    check_config(DEMO, SCHEMA)


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_overlay_is_valid_and_has_its_own_run(path: Path):
    config = merged(DEMO, yaml.safe_load(path.read_text()))
    check_config(config, SCHEMA)
    assert config["run"] == path.stem


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_overlay_holds_only_what_differs(path: Path):
    def same(base, overlay, at=""):
        for key, value in overlay.items():
            if key == "splits":  # given whole, so that one sees at a glance which film is where
                continue
            if isinstance(value, dict):
                yield from same(base[key], value, f"{at}{key}.")
            elif base[key] == value:
                yield at + key

    assert list(same(DEMO, yaml.safe_load(path.read_text()))) == []


def test_paper_scale_has_the_windows_of_the_paper():
    config = merged(DEMO, yaml.safe_load((CONFIG / "paper.yaml").read_text()))
    windows = {
        name: len(split["temperatures"]) * len(split["coverages"]) * config["windows"]["per_trajectory"]
        for name, split in config["films"]["splits"].items()
    }
    assert (windows["train"], windows["validation"], windows["pt_train"]) == (70_000, 10_000, 5_000)


def test_paper_scale_has_the_hydrates_of_the_paper():
    sets = merged(DEMO, yaml.safe_load((CONFIG / "paper.yaml").read_text()))["hydrates"]["sets"]
    assert [sets[name]["count"] for name in ("train", "validation", "complex")] == [1500, 500, 1000]
    assert sets["train"]["waters"] == sets["validation"]["waters"] == [3, 4]
    assert min(sets["complex"]["waters"]) > 4 and sets["potassium"]["ion"] == "K"


def test_paper_scale_transfers_as_the_paper_does():
    transfer = merged(DEMO, yaml.safe_load((CONFIG / "paper.yaml").read_text()))["transfer"]
    assert (transfer["epochs"], transfer["sizes"]) == (50, [200, 500, 1000, 1500])


@pytest.mark.parametrize("path", LEAVES)
def test_every_key_has_description_unit_and_source(path: str):
    assert all(str(LEAVES[path].get(field, "")).strip() for field in ("description", "unit", "source"))


def test_every_group_is_closed():
    def groups(schema):
        if "properties" in schema:
            yield schema
            for child in schema["properties"].values():
                yield from groups(child)

    for group in groups(yaml.safe_load(SCHEMA.read_text())):
        assert group["additionalProperties"] is False
        assert set(group["required"]) == set(group["properties"])


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("films.temperatur", [100], "unknown key 'films.temperatur'; did you mean 'films.splits.train.temperatures'?"),
        ("md.time_step", 1.0, "unknown key 'md.time_step'; did you mean 'md.timestep'?"),
        ("afm.tip.charges", 0.1, "unknown key 'afm.tip.charges'; did you mean 'afm.tip.charge'?"),
        ("md.zzz", 1, "unknown key 'md.zzz'; md takes engine, timestep, friction, "),
    ],
)
def test_unknown_key_is_named_with_the_nearest_known_one(path: str, value: object, expected: str):
    assert expected in problem(changed(path, value))


def test_dotted_key_on_the_command_line_is_explained():
    assert "write it nested in a file for --configfile: md: {production: ...}" in problem({**DEMO, "md.production": 3})


def test_unknown_key_is_reported_before_the_missing_one_it_stands_for():
    config = copy.deepcopy(DEMO)
    config["md"]["frictoin"] = config["md"].pop("friction")
    assert "did you mean 'md.friction'?" in problem(config)


def test_missing_key_is_named_with_its_meaning():
    config = copy.deepcopy(DEMO)
    del config["afm"]["amplitude"]
    assert "the key 'afm.amplitude' is missing (Oscillation amplitude" in problem(config)
    del config["labels"]
    assert "'labels' is missing" in problem(config) or "'afm.amplitude' is missing" in problem(config)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("md.timestep", "fast", "md.timestep must be a number in fs, not the text 'fast'."),
        ("training.learning_rate", "1e-3", "YAML needs a decimal point: write 0.001"),
        (
            "md.production",
            "40",
            "md.production must be a number in ps, not the text '40' (quoted, or nested in --config",
        ),
        ("md.cutoff", float("nan"), "md.cutoff must be a number in Angstrom, not nan."),
        ("seed", True, "seed must be a whole number, not True."),
        ("afm.pixels", 64.0, "afm.pixels must be a whole number in pixels, not 64.0."),
        ("films.repeats", [12, "7"], "films.repeats[1] must be a whole number, not the text '7'"),
        ("md", None, "md must be a group of keys, not empty."),
        ("films.splits.train.coverages", 12, "films.splits.train.coverages must be a list, not 12."),
    ],
)
def test_wrong_type_is_said(path: str, value: object, expected: str):
    assert expected in problem(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("md.timestep", 20, "md.timestep is 20, but it must be at least 0.1 and at most 4 fs."),
        ("labels.threshold", 1.0, "must be above 0 and below 1."),
        ("labels.pose_bound", 1.0, "labels.pose_bound is 1.0, but it must be above 0 and below 1 A"),
        ("films.splits.train.metal", "Ag", "films.splits.train.metal is 'Ag', but it must be one of Au, Pt."),
        ("afm.height_origin", "top", "but it must be one of mean_oxygen, top_oxygen, substrate."),
        ("films.repeats", [12], "must have 2 values"),
        ("films.splits.test.temperatures", [], "must have at least 1 value"),
        ("films.splits.test.temperatures", [270, 270], "must name each value once"),
        ("networks.light.channels", [8], "networks.light.channels is [8], but it must have at least 2 values"),
        ("training.schedule", "cosine", "training.schedule is 'cosine', but it must be one of constant, one_cycle."),
        ("run", "../elsewhere", "run is '../elsewhere', but it must start with a letter or digit"),
        ("experiments", "", "experiments is '', but it must not be empty."),
    ],
)
def test_value_out_of_range_is_said_with_the_range(path: str, value: object, expected: str):
    assert expected in problem(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("films.splits.validation.temperatures", [240], "the film on Au at 240 K and 12 molecules/nm2 is in both"),
        ("md.checkpoint_interval", 0.75, "md.checkpoint_interval is 0.75 ps, but it must be a whole multiple"),
        ("amorphous.md.checkpoint_interval", 0.3, "amorphous.md.checkpoint_interval is 0.3 ps, but it must be a whole"),
        (
            "premelting.md.checkpoint_interval",
            0.7,
            "premelting.md.checkpoint_interval is 0.7 ps, but it must be a whole",
        ),
        (
            "premelting.hold",
            7.5,
            "premelting.hold is 7.5 ps, but it must be at least 8 ps, 16 times premelting.md.frame",
        ),
        ("md.production", 42.0, "md.production is 42 ps, but it must be a whole multiple of md.checkpoint_interval"),
        ("md.frame_interval", 0.0101 * 3, "md.frame_interval"),
        ("md.melt", 10.2, "md.melt is 10.2 ps, but it must be a whole multiple of md.frame_interval (0.5 ps)."),
        ("md.equilibration", 0.1, "md.equilibration is 0.1 ps, but it must be a whole multiple of md.frame_interval"),
        ("films.repeats", [8, 7], "windows.size is 25 A along x, but the surface is only 22.2 A long there"),
        ("films.repeats", [12, 4], "windows.size is 25 A along y, but the surface is only 19.2 A long there"),
        ("md.cutoff", 18.0, "it must be at most 16.6 A, half of the surface along x"),  # of Pt, the smaller one
        ("films.vapour", 8.0, "films.vapour is 8 A, but it must be at least md.cutoff (12 A)."),
        ("windows.size", [25.0, 24.0, 3.0], "images are square"),
        (
            "networks.published.channels",
            [32, 64],
            "networks.published is of architecture unet3d, which has 5 levels (channels)",
        ),
        ("networks.published.stride", 2, "a stride of 1 and 0 fine_blocks, not 5, 2 and 0"),
        ("networks.published.fine_blocks", 6, "a stride of 1 and 0 fine_blocks, not 5, 1 and 6"),
        ("afm.pixels", 72, "afm.pixels is 72, but it must be a multiple of 16"),
        ("training.augmentation.shift", 32, "must be below half of afm.pixels (64)"),
        ("training.augmentation.cutout", 4096, "must be below the 4096 pixels of an image"),
        ("afm.heights", [13.4, 11.4], "afm.heights must ascend"),
        ("afm.heights", [11.4, 13.35], "must be a whole multiple of afm.height_step"),
        (
            "networks.light.heights",
            22,
            "networks.light.heights is 22, but afm.heights and afm.height_step give only 21",
        ),
        (
            "afm.height_offset",
            -8.0,
            "puts the probe -1.6 A above the mean oxygen at the lowest point of its oscillation",
        ),
        ("afm.amplitude", 1.7, "puts the probe 1.9 A above the mean oxygen at the lowest point of its oscillation"),
        (
            "labels.disc_radius",
            {"O": 0.75, "H": 0.22, "Na": 1.4, "K": 1.5},
            "labels.disc_radius.H is 0.22 A, but it must be at least 0.23 A",
        ),
        (
            "training.initial",
            "nowhere.safetensors",
            "training.initial is 'nowhere.safetensors', which is no file; give",
        ),
        ("training.batch_size", 1441, "must be at most 1440, the training windows there are: 6 films"),
        ("transfer.sizes", [10, 31], "transfer.sizes go to 31, but there are only hydrates.sets.train.count (30)"),
        ("dft.heights", [7.5, 2.0], "dft.heights must ascend"),
        ("dft.heights", [2.7, 7.5], "they must hold the probe, which goes from 2.6 to 6.6 A"),
        ("dft.heights", [2.0, 6.5], "they must hold the probe, which goes from 2.6 to 6.6 A"),
    ],
)
def test_values_that_do_not_go_together_are_said(path: str, value: object, expected: str):
    assert expected in problem(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("md.melt", 0),
        ("md.equilibration", 0),
        ("windows.margin", 20.0),  # beyond the cell: it holds periodic copies
        ("afm.amplitude", 1.6),
        ("labels.disc_radius", {"O": 0.75, "H": 0.24, "Na": 1.4, "K": 1.5}),
        ("training.batch_size", 1440),
        ("dft.heights", [2.6, 6.6]),
    ],
)
def test_values_that_just_go_together_are_accepted(path: str, value: object):
    check_config(changed(path, value), SCHEMA)


def test_two_splits_may_share_a_temperature_at_other_coverages():
    config = changed("films.splits.validation", {"metal": "Au", "temperatures": [240], "coverages": [20]})
    check_config(config, SCHEMA)


def test_two_splits_may_share_temperature_and_coverage_on_other_metals():
    check_config(changed("films.splits.pt_test", {"metal": "Pt", "temperatures": [210], "coverages": [12]}), SCHEMA)
    assert "the film on Pt at 240 K" in problem(changed("films.splits.pt_test.temperatures", [240]))


def test_lattice_constants_are_those_of_the_force_field():
    metals = {name: row.lattice for name, row in species_table().items() if row.lattice is not None}
    assert _lattice_constants() == metals
    assert set(LEAVES["films.splits.train.metal"]["enum"]) == set(metals)


HEADER = "name\tfolder\tdescription\n"


def experiments(folder: Path, text: str) -> dict[str, str]:
    (folder / "stack").mkdir(exist_ok=True)
    (folder / "table.tsv").write_text(text, encoding="utf-8")
    return read_experiments("table.tsv", folder)


def test_experiments_are_looked_for_here_and_then_in_the_checkout(tmp_path: Path, monkeypatch):
    text = HEADER + "ice_1\tstack\tice at 77 K\n\n"
    assert experiments(tmp_path, text) == {"ice_1": str(tmp_path / "stack")}
    monkeypatch.chdir(tmp_path)
    assert experiments(tmp_path, text) == {"ice_1": "stack"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must start with the columns name, folder, description, separated by tabs; found nothing."),
        ("name,folder,description\n", "must start with the columns"),
        (HEADER + "a\tstack\n", "row 1 has 2 cells instead of 3"),
        (HEADER + "a/b\tstack\tc\n", "row 1 has the name 'a/b'; use letters, digits"),
        (HEADER + "a\tstack\tc\na\tstack\tc\n", "the name 'a' stands twice"),
        (HEADER + "a\t\tc\n", "row 1 (a) names the folder '', which does not exist."),
        (HEADER + "a\tnowhere\tc\n", "row 1 (a) names the folder 'nowhere', which does not exist."),
    ],
)
def test_table_of_experiments_that_cannot_be_used(tmp_path: Path, text: str, expected: str):
    with pytest.raises(InputError) as caught:
        experiments(tmp_path, text)
    assert expected in str(caught.value)


def test_missing_table_of_experiments(tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere\.tsv could not be read as a table of experiments"):
        read_experiments("nowhere.tsv", tmp_path)
