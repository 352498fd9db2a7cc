"""Predicted maps and atoms of simulated stacks, and how right they are."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import torch
import xarray as xr
from ase import Atoms
from torch import Tensor, nn
from torch.utils.data import BatchSampler

from icescope import storage
from icescope.learning.calibration import best_thresholds, calibrate, probability, right_or_wrong
from icescope.learning.data import Stacks, draw_maps, prepare
from icescope.learning.decoding import choose_molecules, settled_species, species_of_candidates
from icescope.learning.objectives import OBJECTIVES
from icescope.learning.views import VIEWS, mean_of_views
from icescope.learning.weights import device
from icescope.maps.avdw import poses
from icescope.maps.molecule_scores import count_structures, scores
from icescope.maps.outputs import OUTPUTS
from icescope.maps.scores import accuracy, accuracy_table, bootstrap, count, radius_sweep, rates
from icescope.progress import track
from icescope.structures.samples import in_window

BATCH = 16
WATER = (1, 8)  # atomic numbers
RADII = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # A, that atoms are matched within
OTHER_WINDOWS = 3  # windows that each prediction is scored against for the chance level


@torch.no_grad()
def predict_maps(
    network: nn.Module, card: dict, stacks: xr.Dataset, seed: int, views: int = VIEWS
) -> tuple[Tensor, np.ndarray]:
    """Maps of simulated stacks without augmentation, and how far each is from the truth.

    Parameters
    ----------
    card
        Of the network's weights: its blocks "network" and "labels".
    stacks
        Dataset of kind "afm_stacks".
    seed
        Of the heights: a network sees as many images of a stack as it takes, and no others.
    views
        Of each window, turned and mirrored, that the map is the mean of.

    Returns
    -------
    Maps (n, channels, y, x), see `maps.outputs`; loss (n,), see `learning.objectives`.
    """
    on, output, labels = device(), card["network"]["output"], card["labels"]
    objective, network = OBJECTIVES[output], network.to(on)
    data = Stacks(stacks, labels)
    generator = torch.Generator().manual_seed(seed)
    maps, losses = [], []
    batches = BatchSampler(range(len(data)), BATCH, drop_last=False)
    for index in track(batches, "prediction", len(batches)):
        batch = data[index]
        images = prepare(batch["images"], card["network"]["heights"], {}, generator)
        raw = mean_of_views(network, images.to(on), views).cpu()
        losses.append(objective.loss(raw, draw_maps(output, batch, data.pixel_size, labels)))
        maps.append(objective.finish(raw))
    return torch.cat(maps), torch.cat(losses).numpy()


def evaluate(predicted: list[Atoms], loss: np.ndarray, stacks: xr.Dataset, labels: dict) -> pd.DataFrame:
    """Accuracy of predicted structures by species, with chance beside it.

    Chance is what the same predictions score against the atoms of other windows with nearly the same number of atoms:
    as many, as well spaced, in the wrong places. A species that is in none of the samples, such as ions in a film of
    water, has no accuracy; what was wrongly found of it is in the counts.

    Parameters
    ----------
    predicted
        Structures with an array "pose", for the samples of `stacks`.
    loss
        (samples,) of their maps.
    labels
        The configuration's block of that name.

    Returns
    -------
    Table by species with accuracy, best, worst (20 % by loss), the pooled counts, and chance.
    """
    true = list(true_atoms(stacks, labels["pose_bound"]))
    size = stacks.attrs["window_size"]
    radius = labels["matching_radius"]
    table = accuracy_table([count(p, t, size, radius) for p, t in zip(predicted, true, strict=True)], loss)
    by_size = np.argsort([len(atoms) for atoms in true], kind="stable")
    chance = sum(
        count(predicted[mine], true[other], size, radius)
        for places in range(1, 1 + OTHER_WINDOWS)
        for mine, other in zip(by_size, np.roll(by_size, places), strict=True)
        if mine != other
    )
    table["chance"] = accuracy(chance) if len(true) > 1 else np.nan
    absent = table.true_positive + table.false_negative == 0
    table.loc[absent, ["accuracy", "best", "worst", "chance"]] = np.nan
    return table


def card_metrics(delivered: list[Atoms], loss: np.ndarray, stacks: xr.Dataset, labels: dict) -> dict[str, dict]:
    """A card's "metrics" and "chance", from `evaluate`, of what a prediction gives: structures under the ice rules."""
    table = evaluate(delivered, loss, stacks, labels)
    metrics = {"loss": float(loss.mean()), **table.accuracy.dropna().to_dict()}
    return {"metrics": metrics, "chance": table.chance.dropna().to_dict()}


def learn_confidence(found: list[Atoms], stacks: xr.Dataset, card: dict) -> tuple[dict[str, dict], list[Atoms]]:
    """What validation windows teach for the card: "calibration", "threshold" and "calibration_under_rules".

    The rules choose among candidates, so that what they keep is more often right than a candidate of that confidence.

    Parameters
    ----------
    found
        From `decoding.candidates`, for the samples of `stacks`.
    card
        Of the network's weights.

    Returns
    -------
    These; and the molecules that the rules choose, see `decoding.choose_molecules`.
    """
    labels = card["labels"]
    true, size = list(true_atoms(stacks, labels["pose_bound"])), stacks.attrs["window_size"]
    radius = labels["matching_radius"]
    atoms = right_or_wrong([one[one.arrays["peak"]] for one in found], true, size, radius)
    beside_them = right_or_wrong(found, true, size, radius, species_of_candidates)  # one for each true atom
    calibration = calibrate(beside_them[~beside_them.species.isin(radius)]) | calibrate(atoms)
    calibrated = atoms.assign(confidence=probability(atoms.confidence, atoms.species, calibration))
    inside = [one.symbols[in_window(one.positions, size)] for one in true]
    there = {species: sum(int((symbols == species).sum()) for symbols in inside) for species in radius}
    learnt = {"calibration": calibration, "threshold": best_thresholds(calibrated, there)}
    chosen = choose_molecules(found, card | learnt)
    decided = right_or_wrong(chosen, true, size, radius, settled_species)
    return learnt | {"calibration_under_rules": calibrate(decided)}, chosen


def all_scores(decoded: dict[str, list[Atoms]], stacks: xr.Dataset, card: dict, seed: int) -> pd.DataFrame:
    """Every score of `maps.molecule_scores.scores` with its 95 % interval over trajectories.

    Parameters
    ----------
    decoded
        By name of the decoding, structures for the samples of `stacks`.
    card
        Of the network's weights.
    seed
        Of the resampling.

    Returns
    -------
    Rows by decoding, what, score; columns value, low, high.
    """
    labels, size = card["labels"], stacks.attrs["window_size"]
    true, known = list(true_atoms(stacks, labels["pose_bound"])), OUTPUTS[card["network"]["output"]].heights_known
    origin = stacks.origin_height.values
    for atoms, height in zip(true, origin, strict=True):
        atoms.positions[:, 2] -= height
    tables = {
        name: bootstrap(
            count_structures(structures, true, size, labels["matching_radius"], known), stacks.film.values, scores, seed
        )
        for name, structures in decoded.items()
    }
    return pd.concat(tables, names=["decoding"])


def scores_by_radius(decoded: dict[str, list[Atoms]], stacks: xr.Dataset, card: dict) -> pd.DataFrame:
    """Precision, recall, F1 and accuracy of plain peaks and under the ice rules against the matching radius, RADII.

    Parameters
    ----------
    decoded, card
        See `all_scores`.

    Returns
    -------
    Rows by decoding, radius (A), species that are there or were found.
    """
    labels, size = card["labels"], stacks.attrs["window_size"]
    true, species = list(true_atoms(stacks, labels["pose_bound"])), list(labels["matching_radius"])
    tables = {name: rates(radius_sweep(decoded[name], true, size, species, RADII)) for name in ("peaks", "ice rules")}
    return pd.concat(tables, names=["decoding"]).dropna(how="all")


def as_present_cation(predicted: list[Atoms], stacks: xr.Dataset) -> list[Atoms]:
    """Predictions whose ions are renamed to the one of the true structure, where it has one.

    A network that has never been shown K+ can at best tell that there is an ion, and call it Na+.
    """
    renamed = []
    for atoms, true in zip(predicted, true_atoms(stacks, 0.0), strict=True):
        ion = np.setdiff1d(true.numbers, WATER)
        one = atoms.copy()
        if len(ion) == 1:
            one.numbers[~np.isin(one.numbers, WATER)] = ion[0]
        renamed.append(one)
    return renamed


def write_evaluation(
    output: Mapping[str, str],
    maps: Tensor,
    loss: np.ndarray,
    decoded: dict[str, list[Atoms]],
    accuracy: pd.DataFrame,
    stacks: xr.Dataset,
    card: dict,
    seed: int,
    origin: dict,
) -> None:
    """Write "predictions" (maps and loss, a store of that kind), and "accuracy", "scores" and "radii" as CSV.

    Parameters
    ----------
    output
        Their files.
    maps, loss
        From `predict_maps`, for the samples of `stacks`.
    decoded, card, seed
        See `all_scores`.
    accuracy
        From `evaluate`.
    origin
        Provenance of the store.
    """
    dataset = xr.Dataset(
        {
            "predicted_map": (("sample", "channel", "y", "x"), maps.numpy().astype(np.float16), {"units": "1"}),
            "loss": ("sample", loss.astype(np.float32), {"units": "1"}),
        },
        attrs={"output": card["network"]["output"]},
    )
    storage.write(dataset, output["predictions"], "predictions", origin | {"weights": card["sha256"]})
    with storage.whole_file(output["accuracy"]) as partial:
        accuracy.assign(loss=loss.mean(), samples=len(loss)).to_csv(partial, float_format="%.6g")
    with storage.whole_file(output["scores"]) as partial:
        all_scores(decoded, stacks, card, seed).to_csv(partial, float_format="%.6g")
    with storage.whole_file(output["radii"]) as partial:
        scores_by_radius(decoded, stacks, card).to_csv(partial, float_format="%.6g")


def true_atoms(stacks: xr.Dataset, pose_bound: float) -> Iterator[Atoms]:
    """The atoms of each sample, those in the margin included, with arrays "pose" and "molecule"."""
    last = np.cumsum(stacks.atom_count.values)
    for begin, end in zip(last - stacks.atom_count.values, last, strict=True):
        position, number, molecule = (stacks[name].values[begin:end] for name in ("position", "number", "molecule"))
        atoms = Atoms(number, position)
        atoms.set_array("pose", poses(position, number, molecule, pose_bound))
        atoms.set_array("molecule", molecule)
        yield atoms
