"""Structures of a user: whose charges are taken, and what is said of files that cannot be used."""

import logging

import pytest
from ase import Atoms
from ase.build import fcc111
from ase.io import write

from icescope.errors import InputError
from icescope.structures.read import read_structure

WATER = [[0, 0, 0], [0.8, 0.6, 0], [-0.8, 0.6, 0]]


@pytest.mark.parametrize("column", ["initial_charges", "charges"])
def test_charges_of_the_file_are_taken(tmp_path, column, caplog):
    caplog.set_level(logging.INFO)
    lines = ["O 0 0 0 -0.8", "H 0.8 0.6 0 0.3", "H -0.8 0.6 0 0.5"]
    header = f"3\nProperties=species:S:1:pos:R:3:{column}:R:1\n"
    (tmp_path / "w.xyz").write_text(header + "\n".join(lines) + "\n")
    assert read_structure(tmp_path / "w.xyz").get_initial_charges() == pytest.approx([-0.8, 0.3, 0.5])
    assert caplog.text == ""


def test_charges_of_zero_in_the_file_are_not_replaced(tmp_path):
    write(tmp_path / "w.xyz", Atoms("OHH", WATER, charges=[0.0, 0.0, 0.0]), format="extxyz", columns=None)
    text = (tmp_path / "w.xyz").read_text()
    assert "initial_charges" in text
    assert not read_structure(tmp_path / "w.xyz").get_initial_charges().any()


def test_charges_are_assumed_by_element_where_there_are_none_and_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write(tmp_path / "s.xyz", fcc111("Au", (1, 1, 1), vacuum=9.0) + Atoms("OHHNaCl", [*WATER, [4, 0, 3], [4, 4, 3]]))
    atoms = read_structure(tmp_path / "s.xyz")
    assert atoms.get_initial_charges() == pytest.approx([0, -0.8476, 0.4238, 0.4238, 1, -1])
    assert caplog.messages == [
        "s.xyz gives no charges: assumed Au +0, O -0.8476, H +0.4238, Na +1, Cl -1 e (SPC/E water, formal charges of "
        "ions, none on others), in total +0.000 e"
    ]


def test_last_structure_of_several_is_read(tmp_path):
    write(tmp_path / "t.xyz", [Atoms("OHH", WATER), Atoms("O", [[1, 2, 3]])])
    assert read_structure(tmp_path / "t.xyz").get_chemical_symbols() == ["O"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("none.xyz", None, r"none\.xyz does not exist; give a file with a structure"),
        ("empty.xyz", "", r"empty\.xyz cannot be read as a structure \(Empty file"),
        ("letter.xyz", "Dear all,\nplease find\n", r"letter\.xyz cannot be read as a structure"),
        ("strange.foo", "3\n", r"strange\.foo cannot be read as a structure"),
        ("symbol.xyz", "1\n\nQq 0 0 0\n", r"symbol\.xyz cannot be read as a structure \('Qq'\)"),
        ("short.xyz", "3\n\nO 0 0 0\n", r"short\.xyz cannot be read as a structure \(.*expected 3"),
        ("atoms.xyz", "0\n\n", r"atoms\.xyz holds no atoms"),
        ("nan.xyz", "1\n\nO 0 nan 0\n", r"nan\.xyz holds positions or charges that are not finite"),
    ],
)
def test_file_that_cannot_be_used_is_one_sentence(tmp_path, name, text, sentence):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=sentence) as caught:
        read_structure(tmp_path / name)
    assert "\n" not in str(caught.value)
