"""Environments that are drawn from trajectories, and the classifiers that are trained on them."""

import numpy as np
import pandas as pd
import pytest

from icescope import storage
from icescope.amorphous.assessment import assess_classifiers
from icescope.amorphous.environments import (
    draw_environments,
    order_of,
    read_environments,
    split,
)
from icescope.amorphous.frames import water_frames
from icescope.amorphous.nulls import SHUFFLED
from icescope.amorphous.pca import components_of
from icescope.amorphous.rankings import held_out_importance
from icescope.amorphous.soap import soap
from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS
from icescope.md.record import run_record
from icescope.md.trajectory import write_frames, write_topology
from icescope.structures.ice import ice_ih

SPREAD = {"LDA": 0.05, "MDA": 0.3, "HDA": 0.6}  # A, of molecules around their places in ice Ih: three made-up phases
SETTINGS = {"seeds": 2, "scaling": "standardised", "batch_size": 64, "learning_rate": 1e-3, "epochs": 15}
TIMES = np.array([1.0, 2.0])


def write_trajectory(folder, spread, seed):
    """Two frames of 128 molecules, the second at a higher pressure."""
    folder.mkdir()
    atoms, rng = ice_ih([2, 2, 2], seed), np.random.default_rng(seed)
    frames = atoms.positions + np.repeat(rng.normal(0, spread, (2, 128, 3)), 3, axis=1)
    rows = np.zeros((2, len(RECORD_COLUMNS)))
    rows[:, 0] = TIMES
    run_record(rows, [("70 K, 0 GPa", 70.0, 0.0), ("70 K, 0.1 GPa", 70.0, 0.1)]).to_csv(
        folder / "record.csv", index=False
    )
    write_topology(atoms, folder / "topology.pdb")
    write_frames(atoms, frames, np.tile(atoms.cell.array, (2, 1, 1)), TIMES, folder / "trajectory.xtc")
    return [folder / name for name in ("trajectory.xtc", "topology.pdb", "record.csv")]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder, paths = tmp_path_factory.mktemp("environments"), []
    for phase, spread in SPREAD.items():
        for number in range(3):
            files = write_trajectory(folder / f"{phase}_{number}", spread, seed=len(paths))
            paths.append(folder / f"{phase}_{number}.zarr.zip")
            storage.write(draw_environments(*files, 100, seed=number), paths[-1], "environments", {})
    return folder, paths


@pytest.fixture(scope="module")
def environments(stores):
    return read_environments(stores[1], 3)


def test_they_are_molecules_of_the_trajectory_with_its_settings(stores):
    folder, paths = stores
    drawn = storage.read(paths[0], "environments")
    assert (np.unique(drawn.pressure) == [0.0, 0.1]).all() and (drawn.temperature == 70).all()
    frames = list(water_frames(folder / "LDA_0/trajectory.xtc", folder / "LDA_0/topology.pdb"))
    every = np.concatenate([soap(frame, "O") for frame in frames])
    distance = np.abs(every[None] - drawn.soap_O.values[:, None]).max(-1)
    assert distance.min(1).max() < 1e-4 * np.abs(every).max()
    assert len(np.unique(distance.argmin(1))) == 100  # each once


def test_phases_and_trajectories_are_numbered_in_order(environments):
    assert np.bincount(environments.phase).tolist() == [300] * 3
    assert (environments.phase == environments.trajectory // 3).all()
    assert environments.descriptors("H-bond").shape == (900, 399)
    assert np.isin(environments.descriptors("H-bond"), environments.descriptors("O,H")).all()
    order = order_of(environments)["tetrahedral_order"]
    assert order[environments.phase == 0].mean() > order[environments.phase == 2].mean()


def test_whole_trajectories_are_in_one_part(environments):
    parts = split(environments, "trajectory", seed=1)
    of = {part: set(environments.trajectory[index]) for part, index in parts.items()}
    assert not of["train"] & of["test"] and not of["train"] & of["validation"] and not of["test"] & of["validation"]
    with pytest.raises(InputError, match="no split 'region'"):
        split(environments, "region", 1)


def test_more_molecules_than_there_are_and_a_record_of_another_run(tmp_path):
    files = write_trajectory(tmp_path / "a", 0.1, 1)
    with pytest.raises(InputError, match="holds 256 molecules in all frames, and 300 are asked for"):
        draw_environments(*files, 300, seed=1)
    record = pd.read_csv(files[2])
    record.assign(time_ps=record.time_ps + 0.25).to_csv(files[2], index=False)
    with pytest.raises(InputError, match="no row at some of their times"):
        draw_environments(*files, 100, seed=1)


def test_made_up_phases_are_learnt_and_shuffled_ones_are_not(environments):
    trained, card, table, counts = assess_classifiers(environments, "M3", "O", "trajectory", SETTINGS, seed=1)
    by_seed = table.set_index("seed").accuracy
    assert (by_seed.drop(SHUFFLED) > 0.8).all()
    assert by_seed[SHUFFLED] < 0.6  # chance is a third; 300 molecules to be lucky with
    assert counts.to_numpy().sum() == 2 * table.molecules[0]
    assert card["phases"] == ["LDA", "MDA", "HDA"] and card["metrics"]["accuracy"] == by_seed[0]
    top, published, groups = held_out_importance(trained, card, environments, 60, seed=1)
    assert set(top.pair) >= {"LDA-HDA"} and len(published) and set(groups.group) >= {"OO", "l = 0"}
    test = split(environments, "trajectory", card["seed"])["test"]
    right = trained.probabilities(environments.descriptors("O")[test]).argmax(1) == environments.phase[test]
    assert right.mean() == pytest.approx(card["metrics"]["accuracy"])


def test_principal_components_of_the_sets(environments):
    found = components_of(environments, ("O",))
    assert found["O"].scores.shape == (900, 2)
