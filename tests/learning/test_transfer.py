"""Trainings from given weights and in steps, and scores of sets with and without ions."""

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from small_training import LABELS, NETWORK, TRAINING, run, stacks

from icescope import storage
from icescope.errors import InputError
from icescope.learning.batches import EpochShuffle
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import as_present_cation, evaluate, predict_maps, true_atoms
from icescope.learning.training import ROUNDS
from icescope.learning.transfer import first_samples, retrain, steps_of
from icescope.maps.outputs import OUTPUTS

WITH_IONS = LABELS | {
    "disc_radius": LABELS["disc_radius"] | {"Na": 1.4, "K": 1.5},
    "matching_radius": LABELS["matching_radius"] | {"Na": 0.74, "K": 0.74},
}
IN_STEPS = {key: value for key, value in TRAINING.items() if key != "epochs"} | {"steps": 3}


@pytest.fixture(scope="module")
def data():
    return stacks(8, 1), stacks(4, 2)


def with_ions(dataset, number):
    """The first atom of each sample, an oxygen, and its hydrogens replaced by an ion, a molecule of its own."""
    counts = dataset.atom_count.values
    first = np.cumsum(counts) - counts
    keep = np.ones(dataset.sizes["atom"], bool)
    keep[np.concatenate([first + 1, first + 2])] = False
    changed = dataset.copy(deep=True)
    changed.number.values[first] = number
    return changed.isel(atom=keep).assign(atom_count=("sample", counts - 2))


def test_epochs_of_any_length_use_every_sample_equally_often():
    order = EpochShuffle(6, seed=1, samples=8)
    drawn = []
    for epoch in range(3):
        order.set_epoch(epoch)
        drawn.append(list(order))
    assert [len(one) for one in drawn] == [len(order)] * 3 == [8, 8, 8]
    together = np.concatenate(drawn)
    assert np.bincount(together).tolist() == [4] * 6
    assert all(len(set(together[begin : begin + 6])) == 6 for begin in range(0, 24, 6))  # a pass is a permutation
    order.set_epoch(1)
    assert list(order) == drawn[1]  # as a resumed training asks for it


@pytest.mark.parametrize(
    ("epochs", "samples", "batch", "steps"), [(50, 1500, 16, 4688), (50 * 1500 / 200, 200, 16, 4688), (1, 1, 4, 1)]
)
def test_equal_steps_are_the_epochs_of_the_largest_set(epochs, samples, batch, steps):
    assert steps_of(epochs, samples, batch) == steps


@pytest.mark.parametrize(("steps", "epochs"), [(3, 3), (25, ROUNDS)])
def test_training_in_steps_takes_them_in_rounds_however_few_samples_there_are(data, tmp_path, steps, epochs):
    few = first_samples(data[0], 3)  # fewer than a batch
    _, history = run((few, data[1]), tmp_path, steps=steps)
    assert len(history) == epochs
    checkpoint = torch.load(next(tmp_path.glob("*/epoch.ckpt")), weights_only=True)
    assert steps <= checkpoint["global_step"] < steps + epochs


def test_training_starts_from_the_weights_it_is_given(data, tmp_path):
    start, _ = run(data, tmp_path / "start")
    still, _ = run(data, tmp_path / "still", initial=start.state_dict(), steps=1, learning_rate=1e-12)
    for first, second in zip(start.parameters(), still.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-10)
    other, _ = run(data, tmp_path / "still", steps=1, learning_rate=1e-12)  # not resumed from that of other weights
    assert len(list((tmp_path / "still").glob("*/epoch.ckpt"))) == 2
    assert any(not torch.allclose(a, b) for a, b in zip(start.parameters(), other.parameters(), strict=True))


def test_weights_of_another_network_are_named(data, tmp_path):
    wide, _ = run(data, tmp_path, NETWORK | {"channels": [16, 8, 8]}, epochs=1)
    with pytest.raises(InputError, match="the weights to start from are of another network"):
        run(data, tmp_path, initial=wide.state_dict())


def test_every_seed_is_scored_and_the_first_is_kept(data, tmp_path):
    trained = retrain(*data, NETWORK, WITH_IONS, IN_STEPS, [3, 4], 1, tmp_path)
    assert trained.accuracy.index.unique("seed").tolist() == trained.history.index.unique().tolist() == [3, 4]
    assert trained.card["training_samples"] == 8 and trained.card["training"]["steps"] == 3
    alone = retrain(*data, NETWORK, WITH_IONS, IN_STEPS, [3], 1, tmp_path / "alone")
    for first, second in zip(trained.network.parameters(), alone.network.parameters(), strict=True):
        assert torch.equal(first, second)
    pd.testing.assert_frame_equal(alone.accuracy, trained.accuracy.loc[[3]])


def test_card_tells_how_right_a_prediction_is(data, tmp_path):
    network, training = NETWORK | {"output": "peaks"}, IN_STEPS | {"steps": 60, "learning_rate": 1e-2}
    trained = retrain(*data, network, WITH_IONS, training, [3], 1, tmp_path)
    maps, loss = predict_maps(trained.network, trained.card, data[1], 1)
    found = candidates(maps, trained.card["pixel_size"], trained.card)
    delivered = evaluate(decode(found, trained.card), loss, data[1], WITH_IONS)
    assert trained.card["metrics"] == {"loss": loss.mean(), **delivered.accuracy.dropna()}
    assert trained.card["chance"] == dict(delivered.chance.dropna())
    assert trained.card["metrics"]["O"] > 2 * trained.card["chance"]["O"]


def test_first_samples_are_whole_and_in_order(data):
    few = first_samples(data[0], 3)
    np.testing.assert_array_equal(few.frequency_shift, data[0].frequency_shift[:3])
    np.testing.assert_array_equal(few.position, data[0].position[: int(few.atom_count.sum())])
    assert first_samples(data[0], None).sizes["sample"] == first_samples(data[0], 99).sizes["sample"] == 8


def test_hydrates_are_groups_of_their_own_and_windows_of_a_film_are_not(data, tmp_path):
    for name, attrs in (("film", {"film": "Au_c12_T240"}), ("hydrates", {})):
        storage.write(data[1], tmp_path / f"{name}.zarr.zip", "afm_stacks", attrs)
    read = [read_stacks([tmp_path / f"{name}.zarr.zip"]) for name in ("film", "hydrates")]
    assert set(read[0].film.values) == {"Au_c12_T240"}
    assert len(set(read[1].film.values)) == 4


@pytest.mark.parametrize("output", ["avdw", "peaks"])
def test_no_ion_is_found_in_the_map_of_a_film_and_it_has_no_accuracy(data, output):
    card = {"network": NETWORK | {"output": output}, "labels": WITH_IONS}
    maps = OUTPUTS[output].render_stacks(data[0], WITH_IONS)
    found = decode(candidates(maps, 12 / 32, card), card, rules=False)
    table = evaluate(found, np.zeros(8), data[0], WITH_IONS)
    assert (table.loc[["Na", "K"], ["true_positive", "false_positive", "false_negative"]] == 0).all(axis=None)
    assert table.loc[["Na", "K"], ["accuracy", "best", "worst", "chance"]].isna().all(axis=None)
    assert table.accuracy["O"] > 0.75


def test_an_ion_made_up_in_a_film_is_counted_but_is_no_accuracy(data):
    found = list(true_atoms(data[1], 0.7))
    found[0] += Atoms("Na", [[6.0, 6.0, 0.0]])
    table = evaluate(found, np.zeros(4), data[1], WITH_IONS)
    assert table.false_positive["Na"] == 1 and np.isnan(table.accuracy["Na"])


def test_ions_of_hydrates_are_found_in_their_maps(data):
    hydrates = with_ions(data[0], 11)
    card = {"network": NETWORK | {"output": "peaks"}, "labels": WITH_IONS}
    found = decode(candidates(OUTPUTS["peaks"].render_stacks(hydrates, WITH_IONS), 12 / 32, card), card, rules=False)
    assert evaluate(found, np.zeros(8), hydrates, WITH_IONS).accuracy["Na"] == 1


def test_any_cation_counts_where_potassium_is(data):
    hydrates = with_ions(data[1], 19)
    found = list(true_atoms(hydrates, 0.7))
    for atoms in found:
        atoms.numbers[atoms.numbers == 19] = 11
    named = as_present_cation(found, hydrates)
    assert evaluate(named, np.zeros(4), hydrates, WITH_IONS).accuracy["K"] == 1
    assert evaluate(found, np.zeros(4), hydrates, WITH_IONS).accuracy["K"] == 0
    assert (found[0].numbers == 11).sum() == 1  # the predictions themselves are left alone
