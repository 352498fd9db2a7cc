"""Stores of arrays: one Zarr v3 store in one zip file, written whole or not at all, checked on read.

A dataset is an `xarray.Dataset` with named dimensions and a `units` attribute on every data variable.
The single file is renamed into place when it is complete, so a killed job leaves nothing that looks done.
"""

import json
import math
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
import xarray as xr
from numcodecs import zstd
from zarr.core.metadata import ArrayV3Metadata
from zarr.storage import MemoryStore, ZipStore

from icescope.errors import InputError

CODECS = {"bytes", "vlen-utf8", "zstd"}  # of the arrays that `write` writes
ZSTANDARD = b"\x28\xb5\x2f\xfd"  # how its frames begin


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; rename it to `path` when the block ends well, else remove it.

    The name is always the same, so that what a killed job left there is gone after the next attempt.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    try:
        partial.unlink(missing_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def check_new_folder(path: str | Path) -> None:
    """Refuse, with an `InputError`, a path at which there is something other than an empty folder."""
    path = Path(path)
    try:
        taken = path.exists() and not (path.is_dir() and not any(path.iterdir()))
    except OSError as error:
        raise InputError(f"{path} cannot be a folder: {error.strerror}; give another one.") from error
    if taken:
        raise InputError(f"{path} exists already; give another folder, or remove it.")


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a new folder beside `path` to write to; rename it to `path` when the block ends well, else remove it.

    Raises
    ------
    InputError
        There is something at `path` other than an empty folder, or it cannot be written.
    """
    path = Path(path).resolve()
    try:
        check_new_folder(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _empty_folder(path.with_name(f".{path.name}.partial")) as partial:
            yield partial
            os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} could not be written: {error.strerror or error}.") from error


def write(dataset: xr.Dataset, path: str | Path, kind: str, provenance: dict[str, str]) -> None:
    """Write a dataset of the given kind ("windows", "afm_stacks", ...) with its provenance.

    Raises
    ------
    ValueError
        A data variable has no `units` attribute.
    InputError
        The file cannot be written (full disk, no permission).
    """
    for name, variable in dataset.data_vars.items():
        if "units" not in variable.attrs:
            raise ValueError(f"variable {name!r} has no units")
    dataset = dataset.assign_attrs(provenance, icescope_kind=kind)
    one_sample = {
        name: {"chunks": (1, *array.shape[1:])} for name, array in dataset.data_vars.items() if array.ndim >= 3
    }
    # In memory first: on a full disk Zarr's tasks go on writing files after the first of them has failed.
    members = {}  # bytes by name
    dataset.to_zarr(MemoryStore(members), mode="w", consolidated=False, zarr_format=3, encoding=one_sample)
    with whole_file(path) as partial, zipfile.ZipFile(partial, mode="w") as archive:
        for name in sorted(members, key=PurePosixPath):
            # A fixed date: the same dataset gives the same bytes.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, members[name].to_bytes())


@contextmanager
def _empty_folder(path: Path) -> Iterator[Path]:
    """An empty folder, without what a killed job left in it; removed when the block ends, well or not."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def check_archive(path: str | Path) -> None:
    """Refuse, with a `ValueError`, an archive that unpacks to more than it is: those of icescope are not compressed."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > Path(path).stat().st_size:
                raise ValueError(f"its member {entry.filename!r} is compressed")


def _check_arrays(path: Path) -> None:
    """Refuse, with a `ValueError`, arrays of other codecs than ours, and more of them than the memory holds."""
    # Not by Zarr, whose tasks beside each other leave tracebacks on the terminal when several fail.
    needed, texts = 0, []
    with zipfile.ZipFile(path) as archive:
        members = [entry for entry in archive.infolist() if entry.file_size]
        chunks = [entry for entry in members if not entry.filename.endswith("zarr.json")]
        for entry in members:
            if entry.filename.endswith("/zarr.json"):
                array = json.loads(archive.read(entry))
                ArrayV3Metadata.from_dict(array)
                if unknown := {codec["name"] for codec in array["codecs"]} - CODECS:
                    raise ValueError(f"{entry.filename} has the codec {', '.join(unknown)}")
                text = array["data_type"] == "string"
                texts += [entry.filename.replace("zarr.json", "c")] if text else []
                shape = map(max, array["shape"], array["chunk_grid"]["configuration"]["chunk_shape"])
                needed += math.prod(shape) * (16 if text else np.dtype(array["data_type"]).itemsize)
        described = {entry.filename.removesuffix("/zarr.json") for entry in members}
        for entry in chunks:
            if entry.filename.partition("/")[0] not in described:
                raise ValueError(f"{entry.filename} belongs to no array")
            with archive.open(entry) as chunk:
                needed += _unpacked_size(chunk.read(18))
        if needed > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
            raise ValueError(f"its arrays need {needed:.2g} bytes, more than the memory of this machine")
        for entry in chunks:
            if entry.filename.startswith(tuple(texts)):
                unpacked = zstd.decompress(archive.read(entry))
                # Their number comes first; each takes 4 bytes at least, for its length.
                if 4 * int.from_bytes(unpacked[:4], "little") > len(unpacked):
                    raise ValueError("a chunk says that it holds more texts than it has bytes")


def _unpacked_size(head: bytes) -> int:
    """Bytes that a Zstandard frame says it unpacks to, and cannot exceed (RFC 8878, section 3.1.1)."""
    single, width = head[4] >> 5 & 1, head[4] >> 6
    size = (single, 2, 4, 8)[width]
    if head[:4] != ZSTANDARD or not size:
        raise ValueError("a chunk does not say how large it is")
    start = 5 + (not single) + (0, 1, 2, 4)[head[4] & 3]  # after the window and the dictionary
    return int.from_bytes(head[start : start + size], "little") + 256 * (size == 2)


def read(path: str | Path, kind: str) -> xr.Dataset:
    """Read a store whole into memory and check that it is of the given kind.

    Raises
    ------
    InputError
        The file is missing, damaged, not a store of icescope, or of another kind.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path} does not exist; run the rule that makes it, or check the name.")
    try:
        check_archive(path)
        _check_arrays(path)
        # Of format 3: arrays of format 2 may name pickle as their codec.
        with ZipStore(path, mode="r") as store, xr.open_zarr(store, consolidated=False, zarr_format=3) as lazy:
            dataset = lazy.load()
    except Exception as error:  # a damaged file has many ways to fail
        raise InputError(
            f"{path} is damaged or is not a store of icescope ({error}); remove it and run again."
        ) from error
    found = dataset.attrs.get("icescope_kind")
    if found is None:
        raise InputError(f"{path} was not written by icescope; give a store of kind {kind!r}.")
    if found != kind:
        raise InputError(f"{path} holds {found!r}, but {kind!r} is needed here.")
    return dataset
