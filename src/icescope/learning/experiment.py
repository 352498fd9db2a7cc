"""Measured images in, atoms out: one stack through the trained network, tile by tile, and the files it gives."""

from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
import xarray as xr
from ase import Atoms
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from icescope import __version__
from icescope.errors import InputError
from icescope.learning.images import standardise
from icescope.learning.weights import device
from icescope.maps.locate import locate
from icescope.maps.scores import accuracy, count
from icescope.progress import track
from icescope.provenance import git_commit
from icescope.storage import whole_file

COARSEST_PIXEL = 1.0  # A; a hydrogen 0.96 A from its oxygen cannot be told from it in coarser images
CELL_DEPTH = 3.0  # A, third vector of the lattice: the depth of the training windows
BOND = 1.2  # A, longest O-H distance that counts as a bond
FILES = ("structure.xyz", "map.png", "report.md")


@dataclass(frozen=True)
class Prediction:
    """What the network makes of one stack.

    Attributes
    ----------
    stack : (height, y, x)
        As read.
    used
        Indices of the images that the network took, from the surface upwards.
    images : (height, y, x)
        Those images at the network's pixel size, with coordinates in A.
    colour_map : (colour, y, x)
        The merged map, red, green and blue from 0 to 1, on the same pixels.
    atoms
        With arrays "confidence" (0 to 1) and "pose"; x and y in A from the lower left corner of the images as given.
    """

    stack: xr.DataArray
    used: list[int]
    images: xr.DataArray
    colour_map: xr.DataArray
    atoms: Atoms


def predict_stack(stack: xr.DataArray, network: torch.nn.Module, card: dict, batch_size: int = 16) -> Prediction:
    """Find the atoms that a stack of images shows.

    The images are brought to the network's pixel size and cut into windows of the size that it was trained on,
    overlapping by half; each window's images are standardised as in training; the windows' maps are merged with
    weights that fall towards the windows' edges, and the atoms are located on the merged map.

    Parameters
    ----------
    stack : (height, y, x)
        From `icescope.afm.measured.read_stack`.
    network
        Maps float32 (n, heights, y, x) to colour maps (n, 3, y, x); it is moved to the GPU where there is one.
    card
        Of the weights: `heights`, `pixel_size` (A), `window_pixels`, `labels`.
    batch_size
        Windows at a time.

    Raises
    ------
    InputError
        The stack has fewer images than the network takes, or pixels too coarse for atoms.
    """
    used = choose_images(stack.sizes["height"], card["heights"], stack.attrs.get("folder", "the stack"))
    images = resample(stack.isel(height=used), card["pixel_size"])
    merged = _predict_map(images.values, network, card.get("window_pixels", 64), batch_size)
    colour_map = xr.DataArray(
        merged, dims=("colour", "y", "x"), coords={"colour": list("rgb"), "y": images.y, "x": images.x}
    )
    atoms = locate(torch.from_numpy(merged)[None], card["pixel_size"], card["labels"])[0]
    atoms = _place(atoms, images, card["pixel_size"], stack.attrs.get("size"))
    return Prediction(stack, used, images, colour_map, atoms)


def choose_images(available: int, needed: int, folder: str) -> list[int]:
    """Indices of `needed` images spread evenly over the `available` ones, in order, with the first and last."""
    if available < needed:
        raise InputError(
            f"{folder} has {available} images, but the network takes {needed}; measure more tip heights, or give"
            " weights that were trained on fewer."
        )
    return [int(index) for index in np.round(np.linspace(0, available - 1, needed))]


def resample(stack: xr.DataArray, pixel_size: float) -> xr.DataArray:
    """Bring images to square pixels of about `pixel_size` (A), with a low-pass filter where they get coarser.

    A whole number of new pixels fills the image, so that their size may differ from `pixel_size` by half a
    pixel over the image's side; the coordinates of the result are exact.

    Parameters
    ----------
    stack : (height, y, x)
        With coordinates x and y in A; their pixels need not be square.
    """
    shape, coordinates = [], {}
    for axis in ("y", "x"):
        centres = stack[axis].values
        pixel = (centres[-1] - centres[0]) / (len(centres) - 1)
        if pixel > COARSEST_PIXEL:
            raise InputError(
                f"{stack.attrs.get('folder', 'the stack')}: one pixel is {pixel:.2g} A along {axis}, too coarse to show"
                f" atoms (at most {COARSEST_PIXEL:g} A); check that cell.txt is in nm."
            )
        extent = pixel * len(centres)
        count = max(1, round(extent / pixel_size))
        shape.append(count)
        coordinates[axis] = centres[0] - pixel / 2 + (np.arange(count) + 0.5) * extent / count
    images = torch.from_numpy(stack.values.astype(np.float32))[None]
    if tuple(shape) != images.shape[2:]:
        images = F.interpolate(images, size=shape, mode="bicubic", antialias=True)
    return xr.DataArray(
        images[0].numpy(),
        dims=("height", "y", "x"),
        coords={"height": stack.height, **coordinates},
        attrs=stack.attrs,
    )


def tile_starts(length: int, tile: int) -> list[int]:
    """First pixels of tiles that overlap by half or more and cover `length` pixels from end to end."""
    return [*range(0, length - tile, max(1, tile // 2)), length - tile]


def tile_weight(tile: int) -> np.ndarray:
    """Weights (tile, tile) of one tile's pixels in the merged map: a Hann window that ends half a pixel outside.

    It is nowhere zero, so that the outer border, which only one tile covers, keeps its values.
    """
    window = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2
    return np.outer(window, window).astype(np.float32)


def high_frequency_residual(images: np.ndarray) -> np.ndarray:
    """Share (height) of each image's standard deviation that a Gaussian filter of 1 pixel removes.

    Noise and glitches raise it, blur lowers it: comparing it with the training images' shows one part of how far
    measured images lie from the simulated ones.

    Parameters
    ----------
    images : (height, y, x)
    """
    smooth = np.stack([gaussian_filter(image, 1.0, mode="nearest") for image in images])
    return np.std(images - smooth, axis=(1, 2)) / np.std(images, axis=(1, 2))


def summarise(prediction: Prediction) -> dict[str, float]:
    """Counts and shares of the predicted atoms, by the names under which the report shows them."""
    atoms = prediction.atoms
    symbols = np.array(atoms.get_chemical_symbols())
    confidence = atoms.arrays["confidence"]
    oxygens, hydrogens = atoms.positions[symbols == "O"], atoms.positions[symbols == "H"]
    pixels = prediction.images
    area = _extent(pixels.x.values) * _extent(pixels.y.values) / 100
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
    return summary


def read_truth(folder: str | Path) -> Atoms | None:
    """True atoms of a simulated stack, from the `truth.xyz` beside its images; None where there is no such file.

    x and y in A from the lower left corner of the images; array "pose" as in `structure.xyz`.
    """
    path = Path(folder) / "truth.xyz"
    if not path.is_file():
        return None
    try:
        atoms = ase.io.read(path, format="extxyz")
        poses = [pose.replace("-", "") for pose in atoms.get_array("pose").astype(str)]
    except (OSError, ValueError, KeyError, StopIteration, AttributeError) as error:
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
    """Write the atoms as extended XYZ: species, positions (A), confidence, pose ("-" where there is none)."""
    atoms = prediction.atoms.copy()
    poses = [pose or "-" for pose in atoms.arrays.get("pose", [""] * len(atoms))]
    atoms.set_array("pose", None)
    atoms.set_array("pose", np.array(poses, dtype="U8"))
    atoms.info = {
        "source": str(prediction.stack.attrs.get("folder", "")),
        "images": " ".join(_names(prediction)),
        "weights_sha256": str(card.get("sha256", "unknown")),
        "icescope_version": __version__,
        "icescope_commit": git_commit(),
    }
    columns = ["symbols", "positions", "confidence", "pose"]
    ase.io.write(path, atoms, format="extxyz", columns=columns, write_results=False)


def report_text(prediction: Prediction, card: dict, weights: str | Path, truth: Atoms | None = None) -> str:
    """A page of Markdown: the figure, what was put in, what came out, and how far to trust it."""
    stack, images = prediction.stack, prediction.images
    size = stack.attrs.get("size", (_extent(stack.x.values), _extent(stack.y.values)))
    pixel = [_extent(stack[axis].values) / stack.sizes[axis] for axis in ("x", "y")]
    metrics = {key: value for key, value in card.get("metrics", {}).items() if isinstance(value, float | int)}
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
            "SHA-256": card.get("sha256", "unknown"),
            "made at commit": card.get("git_commit", "unknown"),
            "scale of the run": card.get("scale", "unknown"),
            "training windows": card.get("training_samples", "unknown"),
            **{f"on simulated windows held out: {key}": f"{value:.3g}" for key, value in metrics.items()},
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


def _predict_map(images: np.ndarray, network: torch.nn.Module, tile: int, batch_size: int) -> np.ndarray:
    """Merged map (3, y, x) of images (height, y, x): overlapping tiles through the network, averaged with weights."""
    rows, columns = images.shape[1:]
    padding = [(0, 0), (0, max(0, tile - rows)), (0, max(0, tile - columns))]
    padded = torch.from_numpy(np.pad(images, padding, mode="reflect"))
    corners = [
        (row, column) for row in tile_starts(padded.shape[1], tile) for column in tile_starts(padded.shape[2], tile)
    ]
    network = network.to(device()).eval()
    weight = tile_weight(tile)
    total = np.zeros((3, *padded.shape[1:]), dtype=np.float32)
    weights = np.zeros(padded.shape[1:], dtype=np.float32)
    batches = [corners[start : start + batch_size] for start in range(0, len(corners), batch_size)]
    with torch.inference_mode():
        for batch in track(batches, "predicting", total=len(batches)):
            tiles = torch.stack([padded[:, row : row + tile, column : column + tile] for row, column in batch])
            maps = network(standardise(tiles.to(device()))).float().cpu().numpy()
            for (row, column), colour_map in zip(batch, maps, strict=True):
                window = np.s_[row : row + tile, column : column + tile]
                total[:, *window] += weight * colour_map
                weights[window] += weight
    return (total / weights)[:, :rows, :columns]


def _place(atoms: Atoms, images: xr.DataArray, pixel_size: float, size: tuple[float, float] | None) -> Atoms:
    """Move located atoms from multiples of `pixel_size` into the frame of the image, and give them its lattice."""
    atoms = atoms.copy()
    for axis, name in enumerate(("x", "y")):
        centres = images[name].values
        pixel = _extent(centres) / len(centres)
        atoms.positions[:, axis] *= pixel / pixel_size
        atoms.positions[:, axis] += centres[0] - pixel / 2
    atoms.set_cell([*(size or (_extent(images.x.values), _extent(images.y.values))), CELL_DEPTH])
    atoms.set_pbc(False)
    return atoms


def _extent(centres: np.ndarray) -> float:
    """Length (A) that equal pixels with these centres cover."""
    return float((centres[-1] - centres[0]) * len(centres) / (len(centres) - 1))


def _names(prediction: Prediction) -> list[str]:
    """File names of the images used, or their numbers where the stack came from no files."""
    files = prediction.stack.attrs.get("files") or [str(index) for index in range(prediction.stack.sizes["height"])]
    return [files[index] for index in prediction.used]


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
        "The network was trained on simulated images only. The accuracy under The weights is that on simulated"
        " windows; on measured images it is not known: expect less.",
        "The confidence is the likeness of the map to the atom's disc and is not calibrated: 0.9 does not mean"
        " that nine atoms in ten are right.",
        line + " Tip asymmetry, drift, creep and set-point differences are not measured here.",
        "x and y are read off the map; z is not measured: every oxygen has 0, and a hydrogen's follows from its"
        " pose (flat, up, down) and the O-H length.",
        "No rule of water is enforced: an oxygen with other than two hydrogens marks a hidden hydrogen, a place"
        " to doubt, or the image's edge.",
    ]
