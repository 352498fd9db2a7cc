"""Prepared ices and a run that asks for others."""

import copy
from pathlib import Path

import pytest
import yaml

from icescope.amorphous.prepared import SETTINGS, check_prepared
from icescope.errors import InputError

ROOT = Path(__file__).parents[2]
MADE = ROOT / "data" / "phases"
DEMO = yaml.safe_load((ROOT / "config/config.yaml").read_text())["amorphous"] | {"prepared": str(MADE)}
UNSEEN = {"engine", "compression_engine", "checkpoint_interval"}  # in no caption or table; the physics is the same


def changed(path: str, value: object) -> dict:
    config = copy.deepcopy(DEMO)
    *groups, name = path.split(".")
    here = config
    for group in groups:
        here = here[group]
    here[name] = value
    return config


def test_the_ices_of_the_package_are_those_of_the_demo():
    check_prepared(DEMO)


def test_all_that_ices_are_made_with_is_compared():
    made = yaml.safe_load((MADE / SETTINGS).read_text())
    for block in ("states", "protocol", "compression", "interface"):
        assert made[block].keys() == DEMO[block].keys()
    assert made["md"].keys() == DEMO["md"].keys() - UNSEEN


@pytest.mark.parametrize(
    ("key", "value", "made"),
    [
        ("compression.rate", 0.5, 2.0),
        ("protocol.cooling_rate", 100.0, 200.0),
        ("states.HDA.pressures", [0.3], [0.3, 0.6]),
        ("interface.repeats.LDA", [4, 6, 7], [3, 6, 7]),
        ("md.cutoff", 10.0, 9.0),
    ],
)
def test_other_settings_are_said_with_both_values(key: str, value: object, made: object):
    with pytest.raises(InputError) as caught:
        check_prepared(changed(key, value))
    assert str(caught.value) == (
        f"config: amorphous.{key} is {value}, but the ices of {MADE} were made with {made}; set amorphous.prepared to"
        f" '' to make ices anew, or amorphous.{key} back to {made}."
    )


@pytest.mark.parametrize(
    ("key", "value"), [("md.engine", "gromacs"), ("classifier.epochs", 1), ("trajectories", 4), ("prepared", "")]
)
def test_what_no_prepared_ice_depends_on_may_change(key: str, value: object):
    check_prepared(changed(key, value))


def test_other_settings_need_no_prepared_ices():
    check_prepared(changed("compression.rate", 0.5) | {"prepared": ""})


def test_a_folder_of_ones_own_without_settings_is_taken(tmp_path: Path):
    check_prepared(changed("compression.rate", 0.5) | {"prepared": str(tmp_path)})


@pytest.mark.parametrize("text", ["- 1\n", "", "{", "\x00"])
def test_settings_that_are_none_are_one_sentence(tmp_path: Path, text: str):
    (tmp_path / SETTINGS).write_text(text)
    with pytest.raises(InputError) as caught:
        check_prepared(DEMO | {"prepared": str(tmp_path)})
    assert str(caught.value).startswith(str(tmp_path / SETTINGS)) and "\n" not in str(caught.value)
