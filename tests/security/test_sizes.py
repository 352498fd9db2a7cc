"""Files that announce more than they hold take neither the memory nor the time for it, and cannot write elsewhere."""

import contextlib
import gzip
import hashlib
import json
import struct
import time
import zipfile
import zlib

import ase.io
import MDAnalysis as mda
import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from readers import CARD, READERS
from trajectories import drifting_ice

from icescope import storage
from icescope.afm.measured import read_cell, read_stack
from icescope.amorphous.frames import water_frames
from icescope.amorphous.soap import soap
from icescope.errors import InputError
from icescope.learning.experiment_report import read_truth
from icescope.learning.weights import load_weights
from icescope.md import checkpoint
from icescope.md.xdr import check_xdr
from icescope.structures.read import read_structure

LONG = 5.0  # s


@pytest.fixture(autouse=True)
def in_time():
    begun = time.process_time()
    yield
    assert time.process_time() - begun < LONG


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "in" / "a.zarr.zip"
    storage.write(xr.Dataset({"a": ("sample", np.arange(3.0), {"units": "1"})}), path, "windows", {})
    return path


def members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, content: dict[str, bytes], compression=zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, one in content.items():
            archive.writestr(name, one)


def zstandard_bomb(blocks: int, announced: int | None) -> bytes:
    """A frame of blocks of 128 kB of one byte each, 4 bytes a block (RFC 8878)."""
    head = b"\x28\xb5\x2f\xfd" + (b"\x00\x38" if announced is None else b"\xe0" + struct.pack("<Q", announced))
    block = [
        struct.pack("<I", (2**17 << 3) | (1 << 1) | (number == blocks - 1))[:3] + b"\0" for number in range(blocks)
    ]
    return head + b"".join(block)


# --- stores -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "..\\out", "C:\\out", "a/c/../../../out"])
def test_members_of_a_store_with_evil_names_write_nothing(store, name):
    rewrite(store, members(store) | {name: members(store)["a/c/0"]})
    before = sorted(store.parent.parent.rglob("*"))
    with contextlib.suppress(InputError):
        np.testing.assert_array_equal(storage.read(store, "windows").a, np.arange(3.0))
    assert sorted(store.parent.parent.rglob("*")) == before


@pytest.mark.parametrize("shape", [[10**15], [2**40], [10**400], [-3], [3.5]])
def test_array_of_absurd_shape_is_refused(store, shape):
    content = members(store)
    node = json.loads(content["a/zarr.json"]) | {"shape": shape}
    rewrite(store, content | {"a/zarr.json": json.dumps(node).encode()})
    with pytest.raises(InputError, match=r"a.zarr.zip is damaged or is not a store of icescope"):
        storage.read(store, "windows")


def test_chunk_of_absurd_shape_is_refused(store):
    content = members(store)
    node = json.loads(content["a/zarr.json"])
    node["chunk_grid"]["configuration"]["chunk_shape"] = [10**14]
    rewrite(store, content | {"a/zarr.json": json.dumps(node).encode()})
    with pytest.raises(InputError, match=r"need 8e\+14 bytes, more than the memory of this machine"):
        storage.read(store, "windows")


@pytest.mark.parametrize(
    ("announced", "why"),
    [(None, "does not say how large it is"), (2**45, "more than the memory"), (24, "a.zarr.zip is damaged")],
)
def test_chunk_that_unpacks_to_gigabytes_is_refused(store, announced, why):
    rewrite(store, members(store) | {"a/c/0": zstandard_bomb(200_000, announced)})  # 800 kB, 26 GB
    with pytest.raises(InputError, match=why):
        storage.read(store, "windows")


@pytest.mark.parametrize("size", [1, 255, 256, 65_791, 65_792, 200_000])
def test_sizes_that_chunks_announce_are_understood(size, tmp_path):
    ones = xr.Dataset({"a": ("sample", np.ones(size, np.uint8), {"units": "1"})})
    storage.write(ones, tmp_path / "a.zarr.zip", "windows", {})
    assert storage._unpacked_size(members(tmp_path / "a.zarr.zip")["a/c/0"]) == size


def test_compressed_archives_are_refused(store, tmp_path):
    rewrite(store, members(store), zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="is compressed"):
        storage.read(store, "windows")
    np.savez_compressed(tmp_path / "c.npz", run="a run", positions=np.zeros((10**6, 3)))
    assert checkpoint.load(tmp_path / "c.npz", "a run") is None


def test_attributes_of_a_store_are_only_data(store):
    content = members(store)
    root = json.loads(content["zarr.json"])
    evil = {
        "inputs": '["../../etc/passwd"]',
        "config": "__import__('os').system('true')",
        "x": ["$(true)", {"a": None}],
    }
    root["attributes"] |= evil
    rewrite(store, content | {"zarr.json": json.dumps(root).encode()})
    assert {name: storage.read(store, "windows").attrs[name] for name in evil} == evil


# --- images and weights -------------------------------------------------------------------------------------


def test_image_that_announces_many_pixels_is_refused_undecoded(tmp_path):
    READERS["stack"].write(tmp_path)
    head = struct.pack(">2I5B", 12_000, 8_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(10**7), 9)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    (tmp_path / "png" / "0.png").write_bytes(png)
    with pytest.raises(InputError, match=r"0.png cannot be decoded as an image \(12000 x 8000 pixels are too many"):
        read_stack(tmp_path / "png")


def test_endless_cell_file_is_not_read_to_its_end(tmp_path):
    with open(tmp_path / "cell.txt", "wb") as file:
        file.write(b"a scan\n")
        file.truncate(10**11)
    with pytest.raises(InputError, match="must hold a line of comment, then two numbers"):
        read_cell(tmp_path / "cell.txt")


@pytest.mark.parametrize(
    ("block", "change"),
    [
        ("network", {"channels": [2048] * 8}),
        pytest.param("network", {"channels": [8] * 20_000}, id="twenty thousand levels"),
        ("network", {"channels": [10**9, 8]}),
        ("network", {"channels": [8, 10**400]}),
        ("network", {"channels": "88"}),
        ("network", {"heights": 10**9}),
        ("network", {"heights": -1}),
        ("network", {"stride": 2000}),
        ("network", {"fine_blocks": 10**6}),
        ("network", {"stride": 0}),
        ("network", {"members": 10**9}),
        ("network", {"members": 0}),
        ("labels", {"disc_radius": {"O": 255.0}}),
        ("labels", {"disc_radius": {"O": 0.1}}),  # the search for smaller discs than 0.6 pixels does not end
        ("labels", {"disc_radius": {}}),
        ("labels", {"threshold": float("nan")}),
        (None, {"pixel_size": 1e-300}),
        (None, {"pixel_size": "0.4"}),
        (None, {"heights": "3"}),
        (None, {"window_pixels": 10**9}),
        (None, {"window_size": [1.0, None, 2.0]}),
        (None, {"calibration": {"O": None}}),
        (None, {"calibration": {"O": [1.0]}}),
        (None, {"metrics": {"O": "good"}}),
        (None, {"residual": 3}),
        (None, {"species": []}),
        (None, {"labels": 1}),
        (None, {"network": []}),
    ],
    ids=str,
)
def test_card_of_an_absurd_network_is_refused_before_it_is_built(block, change, tmp_path):
    READERS["weights"].write(tmp_path)
    path = tmp_path / "avdw" / "weights.json"
    card = json.loads(path.read_text())
    (card[block] if block else card).update(change)
    path.write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"is not a card of icescope weights|does not hold the (key|weights)"):
        load_weights(path.with_suffix(".safetensors"))


@pytest.mark.parametrize("text", ["[" * 100_000, "3", "null", '"x"', "[]", "{}", '{"a": 1' + "0" * 5000 + "}", "\xff"])
def test_card_that_is_none_is_refused(text, tmp_path):
    READERS["weights"].write(tmp_path)
    (tmp_path / "avdw" / "weights.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"weights.json is not a card of icescope weights"):
        load_weights(tmp_path / "avdw" / "weights.safetensors")


def test_safetensors_that_announces_terabytes_is_refused(tmp_path):
    READERS["weights"].write(tmp_path)
    path = tmp_path / "avdw" / "weights.safetensors"
    head = json.dumps({"head.bias": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    content = struct.pack("<Q", len(head)) + head + bytes(10**5)
    path.write_bytes(content)
    card = CARD | {"sha256": hashlib.sha256(content).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"weights.safetensors does not hold the weights"):
        load_weights(path)


# --- structures and trajectories ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "2147483647\n\n",
        f"{10**30}\n\n",
        "1\nProperties=species:S:1:pos:R:2147483647\n",
        "1\nProperties=species:S:99999999999:pos:R:3\n",
    ],
)
def test_xyz_that_announces_billions_is_refused(head, tmp_path):
    for name in ("a.xyz", "a.extxyz", "truth.xyz"):
        (tmp_path / name).write_text(f"{head}O 0 0 0\n")
    with pytest.raises(InputError, match=r"a\.xyz cannot be read as a structure \(it announces"):
        read_structure(tmp_path / "a.xyz")
    with pytest.raises(InputError, match=r"a\.extxyz cannot be read as a trajectory \(it announces"):
        next(water_frames(tmp_path / "a.extxyz"))
    with pytest.raises(InputError, match=r"truth.xyz cannot be read as extended XYZ"):
        read_truth(tmp_path)


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([1e-4, 9.0, 9.0]),
        np.diag([1e9, 9.0, 9.0]),
        np.diag([1e300, 1e300, 1e300]),
        np.array([[9, 0, 0], [1e5, 9, 0], [0, 0, 9]]),
        np.array([[9, 0, 0], [2147483647, 9, 0], [0, 0, 9]]),
    ],
    ids=["flat", "long", "endless", "skewed", "very skewed"],
)
def test_cell_whose_copies_fill_the_memory_is_refused(cell):
    ice = drifting_ice(1)[0]
    with pytest.raises(InputError, match="check the cell and its unit"):
        soap(Atoms(ice.symbols, ice.positions, cell=cell, pbc=True), "O")


def test_smallest_cells_of_ice_and_large_ones_have_descriptors():
    ice = drifting_ice(1)[0]
    assert len(soap(ice, "O")) == 16
    assert len(soap(Atoms("O", [[0, 0, 0]], cell=[2.8, 2.8, 2.8], pbc=True), "O")) == 1
    assert len(soap(Atoms("O", [[0, 0, 0]], cell=[600, 600, 600], pbc=True), "O")) == 1


@pytest.fixture
def trajectories(tmp_path):
    READERS["trajectory"].write(tmp_path)
    return tmp_path


# What made the library write beyond its memory, or stop the program: place in the file, and the number put there.
XTC = {
    "atoms of a later frame": ("second", 4, 10**6),
    "atoms of a later frame, compressed": ("second", 52, 10**6),
    "small index": ("first", 84, 73),
    "small index of no use": ("first", 84, 3),
    "bytes": ("first", 88, 2**31 - 1),
    "bytes, negative": ("first", 88, -8),
    "no extent": ("first", 60, None),
    "magic number of a later frame": ("second", 0, 7),
}


@pytest.mark.parametrize("case", XTC)
def test_damaged_xtc_is_not_given_to_the_library(case, trajectories):
    path = trajectories / "xtc" / "run.xtc"
    content = bytearray(path.read_bytes())
    frame, place, number = XTC[case]
    start = content.index(content[:8], 8) if frame == "second" else 0
    number = struct.unpack_from(">i", content, 72)[0] + 1 if number is None else number
    struct.pack_into(">i", content, start + place, number)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"run.xtc cannot be read as a trajectory \(frame [01] is damaged"):
        list(water_frames(path, trajectories / "xtc" / "box.gro"))


def test_xtc_whose_bits_unpack_to_more_atoms_is_not_given_to_the_library(trajectories):
    path = trajectories / "xtc" / "run.xtc"
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack_from(">i", content, 88)
    content[92 : 92 + length] = b"\xff" * length
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"run.xtc cannot be read as a trajectory \(frame 0 is damaged"):
        list(water_frames(path, trajectories / "xtc" / "box.gro"))


@pytest.mark.parametrize(("place", "number"), [(64, 10**6), (64, -1), (32, 0), (52, 12), (24, 2**31 - 1), (0, 7)])
def test_damaged_trr_is_not_given_to_the_library(place, number, trajectories):
    path = trajectories / "trr" / "run.trr"
    content = bytearray(path.read_bytes())
    start = content.index(content[:24], 8)
    struct.pack_into(">i", content, start + place, number)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"run.trr cannot be read as a trajectory \(frame [12] is damaged"):
        list(water_frames(path, trajectories / "trr" / "box.gro"))


@pytest.mark.parametrize("atoms", [1, 9, 10, 11, 64, 3000])
@pytest.mark.parametrize("ending", ["xtc", "trr"])
def test_whole_trajectories_pass_and_cut_off_ones_are_left_to_the_library(ending, atoms, tmp_path):
    """Molecules close together, as water is, and atoms anywhere; also in cells too wide for 24 bits."""
    rng = np.random.default_rng(atoms)
    path = tmp_path / f"run.{ending}"
    universe = mda.Universe.empty(atoms, trajectory=True)
    universe.dimensions = [9, 9, 9, 90, 90, 90]
    with mda.Writer(str(path), atoms) as writer:
        for span in (0.0, 0.01, 1.0, 30.0, 1000.0, 3000.0):
            centre = np.repeat(rng.normal(size=(atoms, 3)), 3, axis=0)[:atoms]
            universe.atoms.positions = span * centre + rng.normal(scale=min(span, 0.6), size=(atoms, 3))
            writer.write(universe)
    check_xdr(path)
    content = path.read_bytes()
    for length in rng.integers(1, len(content), 20):
        path.write_bytes(content[:length])
        check_xdr(path)


def test_compressed_xyz_that_announces_billions_is_refused(tmp_path):
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(b"99999999999\n\n" + b"O 0 0 0\n" * 1000))
    with pytest.raises(InputError, match="it announces"):
        read_structure(tmp_path / "a.xyz.gz")


def test_valid_structure_still_reads(tmp_path):
    ase.io.write(tmp_path / "a.extxyz", drifting_ice(2))
    assert len(read_structure(tmp_path / "a.extxyz")) == 48
