"""What is known of a prediction: its numbers, its score against known atoms, and the files that it is written to."""

from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from icescope import __version__
from icescope.errors import InputError
from icescope.learning.decoding import SURE
from icescope.learning.experiment import BOND, Prediction, extent
from icescope.learning.images import high_frequency_residual
from icescope.maps.outputs import OUTPUTS
from icescope.maps.scores import accuracy, count
from icescope.provenance import git_commit
from icescope.storage import whole_file
from icescope.structures.read import check_xyz

FILES = ("structure.xyz", "map.png", "report.md")
WORDS = {"O": "oxygen", "H": "hydrogen", "Na": "sodium"}
LEAST_ACCURACY = 0.5  # of the oxygens, below which weights are not to be used
LEAST_OVER_CHANCE = 2.0  # times chance


def image_table(stack: xr.DataArray) -> pd.DataFrame:
    """One row an image of a stack (height, y, x): file, and the range and the fine detail of its pixels.

    Columns: file, minimum, maximum, mean, standard_deviation (in the stack's unit), and high_frequency_residual at
    the pixels of the file.
    """
    values = stack.values.astype(float)
    return pd.DataFrame(
        {
            "file": stack.attrs["files"],
            "minimum": values.min(axis=(1, 2)),
            "maximum": values.max(axis=(1, 2)),
            "mean": values.mean(axis=(1, 2)),
            "standard_deviation": values.std(axis=(1, 2)),
            "high_frequency_residual": high_frequency_residual(values),
        }
    )


def summarise(prediction: Prediction) -> dict[str, float]:
    """Counts and shares of the predicted atoms, by the names under which the report shows them."""
    atoms = prediction.atoms
    symbols = np.array(atoms.get_chemical_symbols())
    confidence = atoms.arrays["confidence"]
    oxygens, hydrogens = atoms.positions[symbols == "O"], atoms.positions[symbols == "H"]
    pixels = prediction.images
    area = extent(pixels.x.values) * extent(pixels.y.values) / 100
    summary: dict[str, float] = {}
    for symbol in sorted(set(symbols), reverse=True):
        values = confidence[symbols == symbol]
        summary[f"{symbol}: atoms"] = len(values)
        summary[f"{symbol}: median confidence"] = float(np.median(values))
        summary[f"{symbol}: share with confidence above 0.8"] = float(np.mean(values > 0.8))
    summary["imaged area (nm2)"] = area
    summary["oxygens per nm2"] = len(oxygens) / area
    if len(oxygens):
        bonded = (
            cKDTree(hydrogens).query_ball_point(oxygens, BOND, return_length=True)
            if len(hydrogens)
            else np.zeros(len(oxygens))
        )
        summary[f"share of oxygens with two hydrogens within {BOND:g} A"] = float(np.mean(bonded == 2))
        summary["share of oxygens whose molecule is settled"] = float(atoms.arrays["settled"][symbols == "O"].mean())
    return summary


def read_truth(folder: str | Path) -> Atoms | None:
    """True atoms of a simulated stack, from the `truth.xyz` beside its images; None where there is no such file.

    x and y in A from the lower left corner of the images; array "pose" as in `structure.xyz`.
    """
    path = Path(folder) / "truth.xyz"
    if not path.is_file():
        return None
    try:
        check_xyz(path)
        atoms = ase.io.read(path, format="extxyz")
        poses = [pose.replace("-", "") for pose in atoms.get_array("pose").astype(str)]
        if not np.isfinite(atoms.positions).all():
            raise ValueError("positions that are not finite numbers")
    except Exception as error:  # ASE has many ways to fail
        raise InputError(
            f"{path} cannot be read as extended XYZ with a column pose ({error}); correct or remove it."
        ) from error
    atoms.set_array("pose", None)
    atoms.set_array("pose", np.array(poses, dtype="U4"))
    return atoms


def score_prediction(prediction: Prediction, truth: Atoms, labels: dict) -> pd.DataFrame:
    """Counts of `icescope.maps.scores.count` and the accuracy of each species, against the true atoms."""
    size = prediction.atoms.cell.lengths()[:2]
    counts = count(prediction.atoms, truth, size, labels["matching_radius"])
    return counts.assign(accuracy=accuracy(counts))


def write_prediction(
    prediction: Prediction,
    figure: Figure,
    card: dict,
    weights: str | Path,
    folder: str | Path,
    truth: Atoms | None = None,
) -> dict[str, Path]:
    """Write `structure.xyz`, `map.png` and `report.md` into a folder, each whole or not at all.

    Parameters
    ----------
    figure
        From `icescope.figures.experiment.draw_prediction`.
    weights
        The file that the network came from.
    truth
        The true atoms, from `read_truth`, where they are known: the report scores against them.

    Returns
    -------
    dict
        The files by name.

    Raises
    ------
    InputError
        The folder cannot be made or written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made a folder for the results: {error.strerror or error}.") from error
    structure, picture, report = (folder / name for name in FILES)
    with whole_file(structure) as partial:
        write_structure(prediction, card, partial)
    with whole_file(picture) as partial:
        figure.savefig(partial, dpi=150, format="png")
    with whole_file(report) as partial:
        partial.write_text(report_text(prediction, card, weights, truth), encoding="utf-8")
    return {path.name: path for path in (structure, picture, report)}


def write_structure(prediction: Prediction, card: dict, path: str | Path) -> None:
    """Write the atoms as extended XYZ: species, positions (A), confidence, pose ("-" where there is none), molecule
    (-1 for none) and whether it is settled.
    """
    atoms = prediction.atoms.copy()
    poses = [pose or "-" for pose in atoms.arrays.get("pose", [""] * len(atoms))]
    atoms.set_array("pose", None)
    atoms.set_array("pose", np.array(poses, dtype="U8"))
    atoms.info = {
        "source": str(prediction.stack.attrs.get("folder", "")),
        "images": " ".join(_names(prediction)),
        "weights_sha256": card["sha256"],
        "icescope_version": __version__,
        "icescope_commit": git_commit(),
    }
    columns = ["symbols", "positions", "confidence", "pose", "molecule", "settled"]
    ase.io.write(path, atoms, format="extxyz", columns=columns, write_results=False)


def report_text(prediction: Prediction, card: dict, weights: str | Path, truth: Atoms | None = None) -> str:
    """A page of Markdown: the figure, what was put in, what came out, and how far to trust it."""
    stack, images = prediction.stack, prediction.images
    size = stack.attrs.get("size", (extent(stack.x.values), extent(stack.y.values)))
    pixel = [extent(stack[axis].values) / stack.sizes[axis] for axis in ("x", "y")]
    sections = {
        "The stack": {
            "folder": stack.attrs.get("folder", ""),
            "images": f"{stack.sizes['height']} ({', '.join(stack.attrs.get('files', []))})",
            "size": f"{size[0] / 10:.3g} x {size[1] / 10:.3g} nm",
            "pixel": f"{pixel[0]:.3g} x {pixel[1]:.3g} A; the network's is {card['pixel_size']:.3g} A",
            "frame cropped (left, right, bottom, top)": f"{stack.attrs.get('frame', '')} pixels",
            "images used, from the surface upwards": ", ".join(_names(prediction)),
        },
        "The weights": {
            "file": str(weights),
            "SHA-256": card["sha256"],
            "made at commit": card.get("git_commit", "unknown"),
            "scale of the run": card.get("scale", "unknown"),
            "training windows": card.get("training_samples", "unknown"),
            **_accuracies(card),
        },
        "The atoms": {
            key: f"{value:.3g}" if isinstance(value, float) else value for key, value in summarise(prediction).items()
        },
    }
    if truth is not None:
        scores = score_prediction(prediction, truth, card["labels"])
        sections["Against truth.xyz"] = {
            f"{species} (within {card['labels']['matching_radius'][species.split()[0]]:g} A)": (
                f"accuracy {row.accuracy:.3f}: {row.true_positive:.0f} found, {row.false_positive:.0f} false,"
                f" {row.false_negative:.0f} missed"
            )
            for species, row in scores.iterrows()
            if row.true_positive + row.false_positive + row.false_negative
        }
    lines = [
        f"# Atoms of {Path(str(stack.attrs.get('folder', 'stack'))).name}",
        "",
        f"![images, map, atoms]({FILES[1]})",
    ]
    for title, rows in sections.items():
        lines += ["", f"## {title}", "", *(f"- {key}: {value}" for key, value in rows.items())]
    lines += ["", "## How far to trust it", "", *(f"- {line}" for line in _trust(images.values, card))]
    return "\n".join([*lines, "", f"icescope {__version__}, commit {git_commit()}", ""])


def _names(prediction: Prediction) -> list[str]:
    """File names of the images used, or their numbers where the stack came from no files."""
    files = prediction.stack.attrs.get("files") or [str(index) for index in range(prediction.stack.sizes["height"])]
    return [files[index] for index in prediction.used]


def _accuracies(card: dict) -> dict[str, str]:
    """What the weights reached on the windows that their thresholds were chosen on, beside chance; and the loss."""
    rows = {}
    for key, value in card.get("metrics", {}).items():
        if key == "loss":
            rows["loss on simulated validation windows"] = f"{value:.3g}"
        else:
            symbol, _, pose = key.partition(" ")
            chance = card.get("chance", {}).get(key)
            beside = "chance not known" if chance is None else f"chance {100 * chance:.1f} %"
            species = f"{pose} {WORDS.get(symbol, symbol)}".strip()
            rows[f"{species} accuracy on simulated validation windows"] = f"{100 * value:.1f} % ({beside})"
    return rows or {"accuracy on simulated validation windows": "not known"}


def _warning(card: dict) -> list[str]:
    """One sentence where the weights are too poor to be used, or do not say how good they are."""
    accuracy, chance = card.get("metrics", {}).get("O"), card.get("chance", {}).get("O")
    if accuracy is None:
        return ["The weights do not say how many oxygens they find: do not take these atoms for the sample's."]
    enough = accuracy >= LEAST_ACCURACY and (chance is None or accuracy >= LEAST_OVER_CHANCE * chance)
    if enough:
        return []
    beside = "" if chance is None else f", against {100 * chance:.1f} % by chance"
    return [
        f"**These weights show that the path works, not what the sample is**: their oxygen accuracy is"
        f" {100 * accuracy:.1f} %{beside}; train at a larger scale first."
    ]


def _trust(images: np.ndarray, card: dict) -> list[str]:
    """What a reader must know before building on the atoms."""
    residual = high_frequency_residual(images)
    line = (
        "Fine detail of the images used (share of the contrast that a Gaussian filter of one network pixel"
        f" removes): {100 * residual.min():.1f} to {100 * residual.max():.1f} %, mean {100 * residual.mean():.1f} %."
    )
    known = card.get("residual")
    if known:
        low, high = known
        inside = low <= residual.mean() <= high
        line += (
            f" Training images have a mean of {100 * low:.1f} to {100 * high:.1f} %: this stack lies"
            f" {'inside' if inside else 'outside'} that range."
        )
    else:
        line += " The weights do not tell this of their training images, so that the two cannot be compared."
    return [
        *_warning(card),
        "The network was trained on simulated images only. The accuracy under The weights is that on simulated"
        " windows; on measured images it is not known: expect less.",
        "The confidence is calibrated on simulated validation windows: of atoms with 0.9 there, nine in ten are right."
        " On measured images that is not known."
        if "calibration" in card
        else "The confidence is not calibrated: 0.9 does not mean that nine atoms in ten are right.",
        line + " Tip asymmetry, drift, creep and set-point differences are not measured here.",
        "x and y are read off the map; z is a guess of the network, from the mean height of the oxygens of its windows."
        if OUTPUTS[card["network"]["output"]].heights_known
        else "x and y are read off the map; z is not measured: every oxygen has 0, and a hydrogen's follows from its"
        " pose (flat, up, down) and the O-H length.",
        "Molecules are chosen under the ice rules: two hydrogens at an oxygen, one on a hydrogen bond. Where `settled`"
        f" is F, a hydrogen is missing or less certain than {SURE}, or another molecule is nearly as likely.",
    ]
