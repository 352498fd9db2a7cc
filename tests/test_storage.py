import errno
import gc
import os
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import xarray as xr

from icescope import storage
from icescope.errors import InputError
from icescope.provenance import provenance


@pytest.fixture
def dataset():
    rng = np.random.default_rng(1)
    return xr.Dataset(
        {
            "frequency_shift": (
                ("sample", "height", "y", "x"),
                rng.normal(size=(3, 2, 8, 8)).astype(np.float16),
                {"units": "Hz"},
            ),
            "atom_count": ("sample", np.array([3, 0, 6], np.int32), {"units": "1"}),
        },
        {"height": ("height", [11.4, 11.5], {"units": "A"})},
        {"window_size": [25.0, 25.0, 3.0]},
    )


@pytest.fixture
def stored(dataset, tmp_path):
    path = tmp_path / "deep" / "stacks.zarr.zip"
    storage.write(dataset, path, "afm_stacks", provenance({"a": 1}, seed=7, inputs=("windows.zarr.zip",)))
    return path


def test_what_is_read_is_what_was_written_with_its_provenance(dataset, stored):
    read = storage.read(stored, "afm_stacks")
    xr.testing.assert_equal(read, dataset)
    assert read.frequency_shift.dtype == np.float16 and read.frequency_shift.attrs["units"] == "Hz"
    assert read.attrs["config"] == '{"a": 1}' and read.attrs["seed"] == "7"
    assert read.attrs["inputs"] == '["windows.zarr.zip"]' and read.attrs["window_size"] == [25.0, 25.0, 3.0]


def test_same_dataset_gives_the_same_bytes(dataset, stored, tmp_path):
    storage.write(dataset, tmp_path / "again", "afm_stacks", provenance({"a": 1}, seed=7, inputs=("windows.zarr.zip",)))
    assert (tmp_path / "again").read_bytes() == stored.read_bytes()


def test_store_opens_with_plain_xarray_and_zarr(dataset, stored):
    from zarr.storage import ZipStore

    with ZipStore(stored, mode="r") as store:
        xr.testing.assert_equal(xr.open_zarr(store, consolidated=False).load(), dataset)


def test_only_the_store_is_left_behind(stored):
    assert [file.name for file in stored.parent.iterdir()] == [stored.name]


def test_variable_without_units_is_refused(dataset, tmp_path):
    del dataset.atom_count.attrs["units"]
    with pytest.raises(ValueError, match="'atom_count' has no units"):
        storage.write(dataset, tmp_path / "x.zarr.zip", "afm_stacks", {})


def test_missing_damaged_foreign_and_wrong_stores_are_one_sentence_each(stored, tmp_path):
    with pytest.raises(InputError, match=r"nowhere.zarr.zip does not exist"):
        storage.read(tmp_path / "nowhere.zarr.zip", "afm_stacks")
    with pytest.raises(InputError, match="holds 'afm_stacks', but 'windows' is needed"):
        storage.read(stored, "windows")
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(InputError, match="is damaged or is not a store of icescope"):
        storage.read(foreign, "windows")
    text = tmp_path / "text.zarr.zip"
    text.write_text("hello")
    with pytest.raises(InputError, match="is damaged or is not a store of icescope"):
        storage.read(text, "windows")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated_store_is_noticed(stored, share):
    content = stored.read_bytes()
    stored.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="is damaged"):
        storage.read(stored, "afm_stacks")


def test_any_flipped_byte_in_the_arrays_is_noticed(dataset, stored):
    content = bytearray(stored.read_bytes())
    with zipfile.ZipFile(stored) as archive:
        chunks = [entry for entry in archive.infolist() if "/c/" in entry.filename]
    for entry in chunks:
        damaged = bytearray(content)
        damaged[entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2] ^= 0xFF
        stored.write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            storage.read(stored, "afm_stacks")


@pytest.mark.parametrize("description", [None, b'{"zarr_format": 3, "node_type": "array", "shape": [-1]}'])
def test_several_arrays_without_their_description_leave_no_traceback(stored, description, caplog):
    with zipfile.ZipFile(stored) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name in ("frequency_shift", "atom_count"):
        members[f"{name}/zarr.json"] = description
    with zipfile.ZipFile(stored, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    with pytest.raises(InputError, match="is damaged"):
        storage.read(stored, "afm_stacks")
    gc.collect()  # Zarr's tasks are heard of when they are forgotten
    assert not caplog.records


def test_failed_writing_leaves_the_old_file_and_nothing_half_written(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    full = pytest.raises(InputError, match=r"table.csv could not be written: No space left on device")
    with full, storage.whole_file(path) as partial:
        partial.write_text("new, but only ha")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def kill_in_the_middle(program: str) -> None:
    """Run a program in another process until it prints a line, then kill it."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"writing\n"
        writer.send_signal(signal.SIGKILL)


def test_what_a_killed_writer_leaves_does_not_look_done_and_is_gone_after_the_next_attempt(tmp_path):
    path = tmp_path / "table.csv"
    kill_in_the_middle(f"""
import time
from icescope.storage import whole_file
with whole_file({str(path)!r}) as partial:
    partial.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
""")
    assert [file.name for file in tmp_path.iterdir()] == [".table.csv.partial.csv"]
    with storage.whole_file(path) as partial:
        assert not partial.exists()
        partial.write_text("whole")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "whole"


def test_second_write_of_a_store_leaves_only_the_store_after_a_kill(dataset, tmp_path):
    path = tmp_path / "stacks.zarr.zip"
    kill_in_the_middle(f"""
import time, zipfile
import numpy as np, xarray as xr
from icescope import storage
whole = zipfile.ZipFile.writestr
def half(archive, *arguments):
    whole(archive, *arguments)
    print("writing", flush=True)
    time.sleep(60)
zipfile.ZipFile.writestr = half
storage.write(xr.Dataset({{"other": ("a", np.ones(9), {{"units": "1"}})}}), {str(path)!r}, "afm_stacks", {{}})
""")
    left = {file.name for file in tmp_path.iterdir()}
    assert len(left) == 1 and all(name.startswith(".") and "partial" in name for name in left)
    storage.write(dataset, path, "afm_stacks", {})
    assert list(tmp_path.iterdir()) == [path]
    xr.testing.assert_equal(storage.read(path, "afm_stacks"), dataset)


def test_failed_writing_of_a_store_leaves_nothing(dataset, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(InputError, match="could not be written: No space left on device"):
        storage.write(dataset, tmp_path / "stacks.zarr.zip", "afm_stacks", {})
    assert not list(tmp_path.iterdir())


# --- folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_folder_appears_when_it_is_whole(tmp_path, there):
    target = tmp_path / "deep" / "out"
    if there:
        target.mkdir(parents=True)
    with storage.whole_folder(target) as partial:
        (partial / "a").write_text("a")
        assert not (target / "a").exists()
    assert [path.name for path in target.iterdir()] == ["a"] and list(target.parent.iterdir()) == [target]


def test_folder_of_a_job_that_failed_is_not_there(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "old").touch()  # what a killed job left
    with pytest.raises(ZeroDivisionError), storage.whole_folder(tmp_path / "out") as partial:
        assert not list(partial.iterdir())
        (partial / "a").write_text("a")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["full", "file"])
def test_folder_with_files_or_file_is_not_replaced(tmp_path, name):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="exists already"), storage.whole_folder(tmp_path / name):
        raise AssertionError
    assert (tmp_path / "full" / "mine").exists() and (tmp_path / "file").is_file()


def test_folder_in_a_place_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="could not be written"), storage.whole_folder(tmp_path / "file" / "out"):
        raise AssertionError
