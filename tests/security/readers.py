"""Every reader of files that users give: valid files for it in several formats, and the call that reads them."""

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import ase.io
import numpy as np
import torch
import xarray as xr
import yaml
from ase import Atoms
from ase.io.xsf import write_xsf
from damage import Files
from PIL import Image
from small_training import LABELS
from trajectories import drifting_ice, lammps_dump, universe

from icescope import storage
from icescope.afm.measured import read_stack, write_stack
from icescope.amorphous.classification import classify
from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.frames import water_frames
from icescope.amorphous.phase_weights import load_classifier, save_classifier
from icescope.amorphous.phases import MODELS
from icescope.amorphous.soap import features
from icescope.config import check_config, read_experiments
from icescope.dft.files import read_potential, repeat_potential, write_cube
from icescope.errors import LONGEST, InputError
from icescope.learning.experiment import Prediction, predict_stack
from icescope.learning.experiment_report import image_table, read_truth, report_text
from icescope.learning.networks import build_network
from icescope.learning.weights import load_weights, save_weights
from icescope.md import checkpoint
from icescope.md.engine import RECORD_COLUMNS, State
from icescope.md.record import read_record, run_record, stage_spans
from icescope.structures.read import read_structure

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "config/schemas/config.schema.yaml"
CARD = {
    "network": {"architecture": "unet2d", "output": "avdw", "heights": 3, "channels": [8, 8], "stride": 1},
    "pixel_size": 0.4,
    "heights": 3,
    "window_pixels": 32,
    "window_size": [12.8, 12.8, 3.0],
    "labels": LABELS,
    "species": ["H", "O"],
    "metrics": {"O": 0.676, "H": 0.4, "H flat": 0.3, "loss": 0.01},
    "chance": {"O": 0.083, "H": 0.05},
    "calibration": {"O": [1.0, 0.1], "H": [1.1, 0.0]},
    "calibration_under_rules": {"O settled": [1.0, 0.1]},
    "threshold": {"O": 0.5, "H": 0.4},
    "residual": [0.1, 0.3],
    "scale": "smoke",
    "training_samples": 120,
    "git_commit": "0123abc",
}


class Reader(NamedTuple):
    """`write` fills a folder with one folder for each format; `read` reads one of these, or raises an InputError."""

    write: Callable[[Path], None]
    read: Callable[[Path], object]


def fault(reader: Reader, folder: Path) -> tuple[bool, str]:
    """Whether a reader refuses a folder, and what is wrong with its sentence; exceptions but InputError pass."""
    try:
        reader.read(folder)
    except InputError as error:
        sentence = str(error)
        if not sentence.isprintable() or len(sentence) > LONGEST + 10:
            return True, "a message that is no sentence of one line"
        return True, ""
    return False, ""


def contents(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --- measured images and weights of networks ----------------------------------------------------------------


def _images() -> np.ndarray:
    y, x = np.mgrid[:40, :48]
    images = [128 + 60 * np.sin(x / 4 + n) * np.cos(y / 5) for n in range(4)]
    return np.random.default_rng(1).normal(images, 8).clip(0, 255).astype(np.uint8)


def _write_stacks(folder: Path) -> None:
    for name in ("png", "tiff", "png16"):
        write_stack(folder / name, _images(), (19.2, 16.0), "a scan")
        truth = Atoms("OHH", [[9, 8, 0], [9.8, 8.5, 0], [8.2, 8.5, 0.1]])
        truth.set_array("pose", np.array(["-", "flat", "up"]))
        ase.io.write(folder / name / "truth.xyz", truth, columns=["symbols", "positions", "pose"])
    for number, image in enumerate(_images()):
        (folder / "tiff" / f"{number}.png").unlink()
        Image.fromarray(image.astype(np.float32) / 7).save(folder / "tiff" / f"{number}.tif")
        Image.fromarray(image.astype(np.uint16) * 9).save(folder / "png16" / f"{number}.png")


@cache
def _network() -> torch.nn.Module:
    """Gives, untrained, maps with many an atom."""
    torch.manual_seed(2)
    return build_network(CARD["network"], LABELS)


def predicted(stack: xr.DataArray) -> Prediction:
    return predict_stack(stack, _network().eval(), CARD | {"sha256": "ab" * 32})


def _read_stack(folder: Path) -> object:
    stack, truth = read_stack(folder), read_truth(folder)
    return image_table(stack), report_text(predicted(stack), CARD | {"sha256": "ab" * 32}, "weights", truth)


def _write_weights(folder: Path) -> None:
    for output in ("avdw", "peaks"):
        card = CARD | {"network": CARD["network"] | {"output": output}}
        torch.manual_seed(2)
        (folder / output).mkdir()
        save_weights(build_network(card["network"], LABELS), card, folder / output / "weights.safetensors")


@cache
def _stack() -> xr.DataArray:
    coordinates = {"height": np.arange(4), "y": 0.4 * np.arange(40) + 0.2, "x": 0.4 * np.arange(48) + 0.2}
    return xr.DataArray(_images().astype(np.float32), coordinates, ("height", "y", "x"), attrs={"size": (19.2, 16.0)})


def _read_weights(folder: Path) -> str:
    network, card = load_weights(folder / "weights.safetensors")
    return report_text(predict_stack(_stack(), network, card), card, "weights")


# --- trajectories, classifiers and records ------------------------------------------------------------------


def _write_classifier(folder: Path) -> None:
    for descriptors in ("O", "O,H"):
        torch.manual_seed(3)
        card = {"model": "M2", "phases": list(MODELS["M2"]), "descriptors": descriptors, "seed": 7}
        (folder / descriptors).mkdir()
        save_classifier(
            PhaseClassifier(len(features(descriptors)), 2), card, folder / descriptors / "weights.safetensors"
        )


def _read_classifier(folder: Path) -> object:
    classifier, card = load_classifier(folder / "weights.safetensors")
    return classify(drifting_ice(1), classifier, card)


def _write_trajectories(folder: Path) -> None:
    for name in ("xtc", "trr", "dcd", "lammpsdump", "extxyz"):
        (folder / name).mkdir()
    frames = drifting_ice(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = universe(frames, True, names=["OW", "HW1", "HW2", "MW"])
        made.add_TopologyAttr("resname", ["SOL"] * 16)
        for name in ("xtc", "trr", "dcd"):
            made.atoms.write(folder / name / "box.gro")
            made.atoms.write(folder / name / f"run.{name}", frames="all")
    lammps_dump(frames, folder / "lammpsdump" / "run.lammpsdump")
    ase.io.write(folder / "extxyz" / "run.extxyz", [frame[frame.symbols == "O"] for frame in frames])


def _read_trajectory(folder: Path) -> object:
    top = folder / "box.gro"
    trajectory = next(folder.glob("run.*"), folder / "run.xtc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        card = {"model": "M2", "phases": list(MODELS["M2"]), "descriptors": "O", "sha256": "ab" * 32}
        frames = water_frames(trajectory, top if top.exists() else None)
        return classify(frames, PhaseClassifier(len(features("O")), 2), card)


def _write_record(folder: Path) -> None:
    (folder / "csv").mkdir()
    times = 0.5 * np.arange(1, 21)
    rows = np.random.default_rng(3).normal(100, 5, (20, len(RECORD_COLUMNS)))
    rows[:, RECORD_COLUMNS.index("time_ps")] = times
    stages = [("melt", 300.0, np.nan) if time <= 4 else ("compression", 77.0, time / 10) for time in times]
    run_record(rows, stages).to_csv(folder / "csv" / "record.csv", index=False, float_format="%.7g")


# --- structures and potentials ------------------------------------------------------------------------------

STRUCTURES = ("xyz", "extxyz", "gro", "proteindatabank", "cif", "vasp", "json", "traj", "cube", "xsf")


def _write_structures(folder: Path) -> None:
    atoms = drifting_ice(1)[0]
    for form in STRUCTURES:
        (folder / form).mkdir()
        name = {"vasp": "POSCAR", "proteindatabank": "ice.pdb"}
        options = {"data": np.ones((2, 2, 2))} if form == "cube" else {}
        form_of_ase = {"gro": "gromacs"}.get(form, form)
        ase.io.write(folder / form / name.get(form, f"ice.{form}"), atoms, format=form_of_ase, **options)


def _write_potentials(folder: Path) -> None:
    rng = np.random.default_rng(4)
    axes = {name: 0.5 * np.arange(count) for name, count in zip("xyz", (5, 4, 6), strict=True)}
    potential = xr.DataArray(rng.normal(size=(5, 4, 6)), axes)
    atoms = Atoms("OHH", [[1, 1, 1], [1.5, 1, 1], [1, 1.5, 1]], cell=[2.5, 2, 3], pbc=True)
    for name in ("cube", "xsf", "locpot", "zarr"):
        (folder / name).mkdir()
    write_cube(folder / "cube" / "water.cube", potential, atoms)
    with open(folder / "xsf" / "water.xsf", "w") as file:
        write_xsf(file, [atoms], data=potential.values)
    numbers = " ".join(f"{value:.8e}" for value in potential.values.ravel(order="F"))
    cell = "\n".join(" ".join(map(str, row)) for row in atoms.cell.array.tolist())
    text = f"water\n1.0\n{cell}\nO\n1\nDirect\n0 0 0\n\n5 4 6\n{numbers}\n"
    (folder / "locpot" / "LOCPOT").write_text(text)
    potential.attrs["units"] = "V"
    storage.write(potential.to_dataset(name="potential"), folder / "zarr" / "potential.zarr.zip", "potential", {})


def _read_potential(folder: Path) -> object:
    return repeat_potential(read_potential(next(folder.iterdir())), (0, 10), (0, 10))


# --- stores, checkpoints, configuration ---------------------------------------------------------------------


def _write_stores(folder: Path) -> None:
    (folder / "stacks").mkdir()
    rng = np.random.default_rng(5)
    dataset = xr.Dataset(
        {
            "frequency_shift": (("sample", "y", "x"), rng.normal(size=(2, 8, 8)).astype(np.float16), {"units": "Hz"}),
            "atom_count": ("sample", np.array([3, 0], np.int32), {"units": "1"}),
            "pose": ("atom", np.array(["flat", "", "up"], dtype=object), {"units": "1"}),
        },
        {"height": ("height", [11.4, 11.5], {"units": "A"})},
        {"window_size": [25.0, 25.0, 3.0]},
    )
    storage.write(dataset, folder / "stacks" / "stacks.zarr.zip", "afm_stacks", {"seed": "7"})


def _write_checkpoint(folder: Path) -> None:
    rng = np.random.default_rng(6)
    state = State(rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), 9 * np.eye(3))
    progress = checkpoint.Progress(2, state, rng.normal(size=(8, len(RECORD_COLUMNS))))
    checkpoint.save(folder / "npz" / "checkpoint.npz", progress, "a run")


def _write_config(folder: Path) -> None:
    demo = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for name in ("yaml", "json"):
        (folder / name).mkdir()
    (folder / "yaml" / "config.yaml").write_bytes((ROOT / "config/config.yaml").read_bytes())
    (folder / "json" / "config.yaml").write_text(json.dumps(demo))  # JSON is YAML, and is damaged as a tree


def _read_config(folder: Path) -> None:
    try:
        config = yaml.safe_load((folder / "config.yaml").read_bytes())
    except (yaml.YAMLError, ValueError):  # Snakemake's own to report
        return
    check_config(config, SCHEMA)


def _write_experiments(folder: Path) -> None:
    (folder / "tsv").mkdir()
    table = "name\tfolder\tdescription\nexample\tconfig\tA film\nother-1\tdocs\tAnother\n"
    (folder / "tsv" / "experiments.tsv").write_text(table)


READERS = {
    "stack": Reader(_write_stacks, _read_stack),
    "weights": Reader(_write_weights, _read_weights),
    "classifier": Reader(_write_classifier, _read_classifier),
    "trajectory": Reader(_write_trajectories, _read_trajectory),
    "record": Reader(_write_record, lambda folder: stage_spans(read_record(folder / "record.csv"))),
    "structure": Reader(_write_structures, lambda folder: read_structure(next(folder.iterdir(), folder / "nothing"))),
    "potential": Reader(_write_potentials, _read_potential),
    "store": Reader(_write_stores, lambda folder: storage.read(folder / "stacks.zarr.zip", "afm_stacks")),
    "checkpoint": Reader(_write_checkpoint, lambda folder: checkpoint.load(folder / "checkpoint.npz", "a run")),
    "config": Reader(_write_config, _read_config),
    "experiments": Reader(_write_experiments, lambda folder: read_experiments(folder / "experiments.tsv", ROOT)),
}


@cache
def valid(name: str) -> dict[str, Files]:
    """Files of a reader by their format."""
    with TemporaryDirectory() as folder:
        READERS[name].write(Path(folder))
        return {path.name: contents(path) for path in sorted(Path(folder).iterdir())}
