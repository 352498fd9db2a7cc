"""Phase of every molecule of a trajectory, frame by frame, and the shares of the phases."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from matplotlib.colors import to_rgb
from scipy.special import softmax

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.phases import IA, INTERMEDIATE, assign
from icescope.amorphous.soap import soap
from icescope.errors import InputError
from icescope.progress import track


def classify(frames: Iterable[Atoms], classifier: PhaseClassifier, card: dict) -> xr.Dataset:
    """Probabilities of the phases of each molecule; one frame is in memory at a time.

    Parameters
    ----------
    frames
        From `amorphous.frames.water_frames`.
    classifier, card
        From `amorphous.phase_weights.load_classifier`.

    Returns
    -------
    Dataset of kind "phases": probability (frame, molecule, phase), position of the oxygens as the trajectory has them
    (frame, molecule, xyz), A, cell (frame, vector, xyz), A, and time (frame), ps, not a number where it is not known.

    Raises
    ------
    InputError
        Frames of different numbers of molecules, or that the descriptors cannot be computed of.
    """
    rows: dict[str, list] = {"frame": [], "time": [], "cell": [], "position": [], "probability": []}
    for number, atoms in enumerate(track(frames, "frames classified", total=None)):
        number = atoms.info.get("frame", number)
        oxygens = atoms.positions[atoms.symbols == "O"]
        if rows["position"] and len(oxygens) != len(rows["position"][0]):
            raise InputError(
                f"frame {number} has {len(oxygens)} molecules and frame {rows['frame'][0]} has"
                f" {len(rows['position'][0])}; classify stretches of the trajectory in which none comes or goes."
            )
        probabilities = classifier.probabilities(soap(atoms, card["descriptors"]))
        rows["frame"].append(number)
        rows["time"].append(atoms.info.get("time", np.nan))
        rows["cell"].append(atoms.cell[:])
        rows["position"].append(oxygens.astype(np.float32))
        rows["probability"].append(probabilities.astype(np.float32))
    if not rows["frame"]:
        raise InputError("there are no frames to classify.")

    def stacked(name: str, dimensions: tuple[str, ...], units: str) -> tuple:
        return dimensions, np.stack(rows.pop(name)), {"units": units}  # popped, so that it is held twice only here

    return xr.Dataset(
        {
            "probability": stacked("probability", ("frame", "molecule", "phase"), "1"),
            "position": stacked("position", ("frame", "molecule", "xyz"), "A"),
            "cell": stacked("cell", ("frame", "vector", "xyz"), "A"),
            "time": stacked("time", ("frame",), "ps"),
        },
        # As objects: Zarr has no stable type for text of a fixed width.
        {"frame": rows["frame"], "phase": np.array(card["phases"], dtype=object)},
        {
            "model": card["model"],
            "descriptors": card["descriptors"],
            "weights": card["sha256"],
            "temperature": float(classifier.temperature),  # of calibration
        },
    )


def uncalibrated(dataset: xr.Dataset) -> xr.Dataset:
    """A store of kind "phases" with the probabilities as they were before calibration divided the log odds."""
    logarithm = np.log(dataset.probability.values.astype(float).clip(np.finfo(np.float32).tiny))
    probability = softmax(logarithm * dataset.attrs["temperature"], axis=-1)
    return dataset.assign(probability=(dataset.probability.dims, probability, dataset.probability.attrs))


def fractions(dataset: xr.Dataset, threshold: float) -> pd.DataFrame:
    """Share of the molecules of each phase, and of intermediate ones, which are certainly of none.

    Parameters
    ----------
    dataset
        From `classify`.
    threshold
        Of the probability of a phase, from 0.5 to below 1; see `amorphous.phases.assign`.

    Returns
    -------
    Rows by frame; columns time_ps, the names of the phases, and IA.
    """
    names = [*dataset.phase.values, IA]
    shares = [_share(assign(frame, threshold), len(names)) for frame in dataset.probability.values]
    table = pd.DataFrame(shares, pd.Index(dataset.frame.values, name="frame"), names)
    table.insert(0, "time_ps", dataset.time.values)
    return table


def coloured(dataset: xr.Dataset, threshold: float, colours: dict[str, str]) -> Iterator[Atoms]:
    """Each frame as oxygens inside the cell, with the arrays of extended XYZ that ASE and OVITO read.

    Parameters
    ----------
    dataset, threshold
        As in `fractions`.
    colours
        Of each phase and of IA, as Matplotlib takes them.

    Yields
    ------
    Atoms with `phase` (its name), `phase_number` (in the order of the outputs, INTERMEDIATE for IA), one probability a
    phase, and `color` (red, green and blue, 0 to 1), by which OVITO draws them; "frame" and "time", ps, in `info`.
    """
    names = [str(name) for name in dataset.phase.values]
    every = np.array([*names, IA])  # INTERMEDIATE is the last one
    palette = np.array([to_rgb(colours[name]) for name in every])
    for frame in range(dataset.sizes["frame"]):
        one = dataset.isel(frame=frame)
        number = assign(one.probability.values, threshold)
        atoms = Atoms(f"O{len(number)}", one.position.values, cell=one.cell.values, pbc=True)
        atoms.wrap()
        atoms.new_array("phase", every[number])
        atoms.new_array("phase_number", number)
        for column, name in enumerate(names):
            atoms.new_array(f"probability_{name}", one.probability.values[:, column].astype(float))
        atoms.new_array("color", palette[number])
        atoms.info["frame"] = int(one.frame)
        if np.isfinite(one.time):
            atoms.info["time"] = float(one.time)
        yield atoms


def _share(number: np.ndarray, names: int) -> np.ndarray:
    """Of molecules of each number, INTERMEDIATE last."""
    return np.bincount(np.where(number == INTERMEDIATE, names - 1, number), minlength=names) / len(number)
