"""Damaged files are read, or refused with an InputError of one sentence; for longer in benchmarks/fuzz.py."""

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from damage import DAMAGES, Files, damaged, opened, sealed, with_value_replaced
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers import READERS, fault, valid

from icescope.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries, about damaged files
EXAMPLES = {"config": 12, "classifier": 20}  # of slow readers
USUAL = 40


def check(name: str, files: Files) -> bool:
    """Whether a reader refuses files, which it does well or not at all."""
    with TemporaryDirectory() as folder:
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        refused, wrong = fault(READERS[name], Path(folder))
    assert not wrong
    return refused


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(name):
    for files in valid(name).values():
        assert not check(name, files)
        assert not check(name, sealed(opened(files)))


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused_with_one_sentence(name):
    @settings(
        max_examples=EXAMPLES.get(name, USUAL),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(sorted(valid(name))), st.randoms(use_true_random=False))
    def try_one(form: str, rng: Random) -> None:
        check(name, damaged(valid(name)[form], rng))

    try_one()


@pytest.mark.parametrize("name", sorted(set(READERS) - {"checkpoint"}))
def test_most_damage_is_noticed(name):
    """The damage reaches the readers: some of it is refused, and not all at the first checksum."""
    files = list(valid(name).values())
    count = 10 if name in EXAMPLES else 30
    assert sum(check(name, damaged(files[seed % len(files)], Random(seed))) for seed in range(count)) > 0


# What once ended in a traceback, a hang, or a sentence of several lines: reader, format, file, and what stood there
# in place of what; inside archives the member's name follows.
FOUND = [
    ("record", "csv", "record.csv", b"300", b"x\ny"),
    ("record", "csv", "record.csv", b"\n0.5,", b"\nmelt,"),
    ("record", "csv", "record.csv", b"\n0.5,", b"\n1e999,"),
    ("record", "csv", "record.csv", b"stage,", b'"stage\n",'),
    ("experiments", "tsv", "experiments.tsv", b"config", b"A" * 5000),
    ("experiments", "tsv", "experiments.tsv", b"name\t", b"na\x1bme\t"),
    ("checkpoint", "npz", "checkpoint.npz::positions.npy", b"'shape': (6", b"'shape': (("),
    ("checkpoint", "npz", "checkpoint.npz::positions.npy", b"(6, 3), }", b"(9999999999999999999, 3), }"),
    ("checkpoint", "npz", "checkpoint.npz::positions.npy", b"(6, 3), }", b"(999999999999, 3), }"),
    ("checkpoint", "npz", "checkpoint.npz::done.npy", b"(), }", b"(9,), }"),
    ("potential", "cube", "water.cube", b"0.944863    0.000000    0.000000", b"1e-300 0 0"),
    ("potential", "cube", "water.cube", b"    3    0.000000    0.000000", b"    3    0.000000    9999999999999999999"),
    ("potential", "cube", "water.cube", b"    5    0.944863", b"    5    1e999"),
    ("potential", "cube", "water.cube", b"    5    0.944863", b"    9999999999    0.944863"),
    ("potential", "locpot", "LOCPOT", b"5 4 6", b"5 0 6"),
    ("potential", "locpot", "LOCPOT", b"5 4 6", b"1 4 6"),
    ("potential", "xsf", "water.xsf", b"BEGIN_BLOCK_DATAGRID_3D", b"BEGIN"),
    ("potential", "xsf", "water.xsf", b"\n  0.000000", b"\n  0.000000 0 0.000000"),
    ("structure", "extxyz", "ice.extxyz", b"species:S:1", b"species:S:9999999999999"),
    ("structure", "extxyz", "ice.extxyz", b'Lattice="8.99', b'Lattice="nan'),
    ("structure", "json", "ice.json", b"[8, 1", b"[300, 1"),
    ("structure", "json", "ice.json", b"[8, 1", b"[-300, 1"),
    ("structure", "xyz", "ice.xyz", b"48", b"4800000000"),
    ("structure", "xyz", "ice.xyz", b"48", b"9000000"),
    ("stack", "png", "truth.xyz", b"3\n", b"2147483647\n"),
    ("stack", "png", "truth.xyz", b"9.0000", b"nan"),
    ("stack", "png", "cell.txt", b"1.92", b"x\x00\x1b"),
    ("weights", "avdw", "weights.json", b'"O": 0.75', b'"O": 255'),
    ("weights", "avdw", "weights.json", b'"pixel_size": 0.4', b'"pixel_size": 7'),
    ("weights", "avdw", "weights.json", b'"pixel_size": 0.4', b'"pixel_size": 1e-30'),
    ("weights", "avdw", "weights.json", b'"window_pixels": 32', b'"window_pixels": "32"'),
    ("weights", "avdw", "weights.json", b'"heights": 3,\n  "window', b'"heights": 0,\n  "window'),
    ("weights", "avdw", "weights.json", b'"H",\n    "O"', b'"H"'),
    ("weights", "avdw", "weights.json", b'"stride": 1', b'"stride": 3'),
    ("weights", "avdw", "weights.json", b'"channels": [\n      8,', b'"channels": [\n      16,'),
    ("classifier", "O", "weights.json", b'"descriptors": "O"', b'"descriptors": "O,H"'),
    ("trajectory", "extxyz", "run.extxyz", b'Lattice="8.99', b'Lattice="1e-5'),
    ("trajectory", "extxyz", "run.extxyz", b"2.0 7.79", b"2147483647 7.79"),
    ("trajectory", "lammpsdump", "run.lammpsdump", b"-1.000000000 7.79", b"2147483647 7.79"),
    ("store", "stacks", "stacks.zarr.zip::height/zarr.json", b'"shape": [\n    2', b'"shape": [\n    2147483648000'),
    ("store", "stacks", "stacks.zarr.zip::height/zarr.json", b'"separator": "/"', b'"#": "/"'),
    ("store", "stacks", "stacks.zarr.zip::frequency_shift/zarr.json", b"AAAAAAAA+H8=", b"AAAAAAAA+H65536="),
    ("store", "stacks", "stacks.zarr.zip::frequency_shift/zarr.json", b'"bytes"', b'"A\nA"'),
    ("store", "stacks", "stacks.zarr.zip::pose/c/0", b"\xb1\x00\x00\x03\x00\x00\x00", b"\xb1\x00\x00\x03\x00\x00\xff"),
    ("store", "stacks", "stacks.zarr.zip::pose/c/0", b"\xb1\x00\x00\x03\x00\x00\x00", b"\xb1\x00\x00\x03\x00\x00\x08"),
    ("store", "stacks", "stacks.zarr.zip::zarr.json", b"{", b"["),
    ("config", "yaml", "config.yaml", b"\nseed: 20221214", b'\nseed: "{"'),
    ("config", "yaml", "config.yaml", b"\nseed: 20221214", b"\nseed: 0x" + b"f" * 5000),
    ("config", "yaml", "config.yaml", b"\nseed: 20221214", b"\nseed: &a [*a, *a]"),
    ("config", "yaml", "config.yaml", b"timestep: 2.0 ", b"timestep: 1" + b"0" * 400),
    ("config", "yaml", "config.yaml", b"timestep: 2.0 ", b"timestep: .nan"),
    ("config", "yaml", "config.yaml", b"turn: true", b"turn: 3"),
    ("config", "yaml", "config.yaml", b"\nseed:", b'\n"se\\ned":'),
    ("config", "yaml", "config.yaml", b"\nrun: demo", b'\nrun: "demo\\n"'),
    ("config", "yaml", "config.yaml", b"\nrun: demo", b"\nrun: " + b"x" * 100_000),
]


@pytest.mark.parametrize("case", FOUND, ids=lambda case: f"{case[0]}-{case[2].rpartition('::')[2]}-{case[4][:20]!r}")
def test_faults_that_were_found_are_gone(case):
    name, form, file, old, new = case
    parts = opened(valid(name)[form])
    assert parts[file].count(old)
    refused = check(name, sealed(parts | {file: parts[file].replace(old, new, 1)}))
    assert refused or name == "checkpoint"  # a run starts afresh from a damaged one


def test_nested_aliases_in_a_configuration_do_not_fill_the_memory():
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    files = valid("config")["yaml"]
    text = b"\n".join(line.encode() for line in lines) + files["config.yaml"].replace(b"\nrun: demo", b"\nrun: *a11")
    assert check("config", {"config.yaml": text})


def test_damage_is_repeatable_and_leaves_the_files_it_is_given():
    files = valid("weights")["avdw"]
    before = dict(files)
    assert damaged(files, Random(3)) == damaged(files, Random(3)) != before
    assert files == before
    for one in DAMAGES:
        assert any(one(files["weights.json"], Random(seed)) != files["weights.json"] for seed in range(20))
    assert with_value_replaced(json.loads(files["weights.json"]), Random(0)) != json.loads(files["weights.json"])


def test_other_exceptions_and_long_messages_count_as_faults():
    class Reader:
        @staticmethod
        def read(folder):
            raise InputError("x")

    assert fault(Reader, Path()) == (True, "")
    Reader.read = staticmethod(lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fault(Reader, Path())
