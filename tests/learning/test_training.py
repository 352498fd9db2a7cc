import zipfile

import numpy as np
import pytest
import torch
from small_training import CARD, LABELS, NETWORK, run, stacks

from icescope import storage
from icescope.errors import InputError
from icescope.learning import training as training_module
from icescope.learning.data import Stacks, read_stacks
from icescope.learning.decoding import candidates, choose_molecules, confidence_under_rules, decode, decodings
from icescope.learning.evaluation import (
    all_scores,
    evaluate,
    learn_confidence,
    predict_maps,
    scores_by_radius,
    true_atoms,
)
from icescope.learning.weights import load_weights, save_weights
from icescope.maps.avdw import render_stacks
from icescope.maps.outputs import OUTPUTS


@pytest.fixture(scope="module")
def data():
    return stacks(8, 1), stacks(4, 2)


def test_same_seed_gives_the_same_network(data, tmp_path):
    (one, history), (other, _) = (run(data, tmp_path / name) for name in "ab")
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)
    assert history.epoch.tolist() == [1, 2] and history.notna().all(axis=None)


@pytest.mark.parametrize(("output", "optimiser"), [("avdw", "adam"), ("avdw", "muon"), ("peaks", "adam")])
def test_loss_falls(data, tmp_path, output, optimiser):
    settings = {"optimiser": optimiser, "epochs": 8, "learning_rate": 5e-3}
    history = run(data, tmp_path, NETWORK | {"output": output}, **settings)[1]
    assert history.validation_loss.iloc[-1] < 0.8 * history.validation_loss.iloc[0]


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_resumed_training_equals_uninterrupted(optimiser, data, tmp_path, monkeypatch):
    whole, history = run(data, tmp_path / "whole", optimiser=optimiser)

    class Killed(BaseException):
        pass

    def killed(self, trainer, task, *_):
        if trainer.global_step == 3:  # in the middle of the second epoch
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training_module.ProgressLines, "on_train_batch_end", killed)
        with pytest.raises(Killed):
            run(data, tmp_path / "cut", optimiser=optimiser)
    resumed, resumed_history = run(data, tmp_path / "cut", optimiser=optimiser)
    for first, second in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(first, second)
    np.testing.assert_array_equal(resumed_history, history)


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps": 6}])  # of batches of 4, which are 3 passes over 8 windows
def test_each_pass_is_over_all_windows_in_an_order_of_its_own(length, data, tmp_path, monkeypatch):
    drawn, told = [], []
    draw_images = Stacks.draw_images

    def recorded(self, index):
        drawn.extend(index if len(self) == 8 else [])
        return draw_images(self, index)

    monkeypatch.setattr(Stacks, "draw_images", recorded)
    monkeypatch.setattr(Stacks, "set_epoch", lambda self, epoch: told.append(epoch))
    _, history = run(data, tmp_path, **length)
    passes = np.reshape(drawn, (3, 8))
    assert np.array_equal(np.sort(passes), np.tile(np.arange(8), (3, 1)))
    assert len({tuple(one) for one in passes.tolist()}) == 3
    assert told == list(range(len(history)))


def test_an_ensemble_is_the_mean_of_networks_with_seeds_of_their_own(data, tmp_path):
    network = NETWORK | {"members": 2}
    ensemble, history = run(data, tmp_path / "checkpoints", network)
    assert history.epoch.tolist() == [1, 2, 1, 2]
    images = torch.rand(3, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        one, other = (member(images) for member in ensemble.members)
        assert (one - other).abs().mean() > 1e-3
        torch.testing.assert_close(ensemble(images), (one + other) / 2)
        again, _ = run(data, tmp_path / "checkpoints", network)  # from the checkpoints of both
        assert torch.equal(again(images), ensemble(images))
        save_weights(ensemble, CARD | {"network": network}, tmp_path / "weights.safetensors")
        loaded, card = load_weights(tmp_path / "weights.safetensors")
        assert card["network"]["members"] == 2 and torch.equal(loaded(images), ensemble(images))


def test_members_of_an_ensemble_start_from_their_own_or_from_one(data, tmp_path):
    network, still = NETWORK | {"members": 2}, {"epochs": 1, "learning_rate": 1e-12}
    ensemble, _ = run(data, tmp_path / "first", network, epochs=1)
    for initial in (ensemble, ensemble.members[1]):
        started, _ = run(data, tmp_path / "second", network, initial.state_dict(), **still)
        for before, after in zip(
            [ensemble.members[initial is not ensemble], ensemble.members[1]], started.members, strict=True
        ):
            for one, other in zip(before.parameters(), after.parameters(), strict=True):
                torch.testing.assert_close(one, other)


def test_checkpoint_of_another_training_is_not_resumed_from(data, tmp_path):
    run(data, tmp_path, epochs=1)
    _, history = run(data, tmp_path, epochs=2)
    assert history.epoch.tolist() == [1, 2]
    other = data[0].copy(deep=True)
    other.frequency_shift[-1, -1, -1, -1] += 1
    run((other, data[1]), tmp_path, epochs=1)
    assert len(list(tmp_path.glob("*/epoch.ckpt"))) == 3


@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_damaged_checkpoint_is_named_and_the_training_starts_afresh(damage, data, tmp_path, caplog):
    whole, _ = run(data, tmp_path)
    (saved,) = tmp_path.glob("*/epoch.ckpt")
    content = bytearray(saved.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:  # of a weight, which PyTorch reads without complaint
        with zipfile.ZipFile(saved) as archive:
            largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        content[largest.header_offset + largest.file_size // 2] ^= 64
    saved.write_bytes(content)
    again, _ = run(data, tmp_path)
    assert f"{saved} is damaged" in caplog.text and "starts afresh" in caplog.text
    for first, second in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)


def test_fewer_windows_than_a_batch_are_named(data, tmp_path):
    with pytest.raises(InputError, match="8 training windows are fewer than training.batch_size"):
        run(data, tmp_path, batch_size=9)


def test_loss_that_is_not_a_number_is_named(data, tmp_path):
    broken = data[0].copy(deep=True)
    broken.frequency_shift[0] = np.nan
    with pytest.raises(InputError, match="the loss is not a number in epoch 1; lower training.learning_rate"):
        run((broken, data[1]), tmp_path)


def test_weights_survive_the_way_to_disk_and_back(data, tmp_path):
    network, _ = run(data, tmp_path / "checkpoints")
    save_weights(network, CARD, tmp_path / "unet.safetensors")
    loaded, card = load_weights(tmp_path / "unet.safetensors")
    images = torch.randn(2, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), network(images))
    assert len(card["sha256"]) == 64 and not loaded.training


def test_bad_weights_are_one_sentence_each(data, tmp_path):
    path = tmp_path / "unet.safetensors"
    with pytest.raises(InputError, match=r"unet.safetensors does not exist"):
        load_weights(path)
    network, _ = run(data, tmp_path / "checkpoints", epochs=1)
    save_weights(network, CARD, path)
    card = path.with_suffix(".json")
    content, text = path.read_bytes(), card.read_text()
    path.write_bytes(content[:-4])
    with pytest.raises(InputError, match="do not belong together"):
        load_weights(path)
    path.write_bytes(content)
    card.write_text("{}")
    with pytest.raises(InputError, match="is not a card of icescope weights"):
        load_weights(path)
    card.write_text(text.replace("8,", "16,", 1))
    with pytest.raises(InputError, match="does not hold the weights that its card describes"):
        load_weights(path)


def test_perfect_maps_score_near_one_and_far_above_chance(data):
    validation = data[1]
    found = candidates(render_stacks(validation, LABELS), 12 / 32, CARD)
    table = evaluate(decode(found, CARD, rules=False), np.zeros(4), validation, LABELS)
    # Molecules turned at random: hydrogens above hide some oxygens, and oxygens hide what points down.
    assert table.accuracy["O"] > 0.75 > 2 * table.chance["O"]


def test_predicted_maps_repeat_and_stay_in_range(data, tmp_path):
    network, _ = run(data, tmp_path, epochs=1)
    maps, loss = predict_maps(network, CARD, data[1], seed=3)
    assert maps.shape == (4, 3, 32, 32) and maps.min() >= 0 and maps.max() <= 1
    assert torch.equal(maps, predict_maps(network, CARD, data[1], seed=3)[0])
    expected = (maps - render_stacks(data[1], LABELS)).square().mean((1, 2, 3))
    assert loss.shape == (4,) and (torch.from_numpy(loss) >= expected).all()  # maps are clamped, the loss is not


def test_true_atoms_come_back_with_their_poses(data):
    atoms = list(true_atoms(data[1], 0.7))
    assert [len(one) for one in atoms] == data[1].atom_count.values.tolist()
    for one in atoms:
        oxygen = one.positions[::3, 2].repeat(2)
        hydrogen = one[one.numbers == 1]
        up = hydrogen.positions[:, 2] - oxygen > 0.7
        assert (hydrogen.get_array("pose")[up] == "up").all() and (hydrogen.get_array("pose")[~up] != "up").all()


def test_shards_are_read_as_one_and_must_agree(data, tmp_path):
    paths = []
    for i, part in enumerate((data[0], data[1])):
        paths.append(tmp_path / f"{i}.zarr.zip")
        storage.write(part, paths[-1], "afm_stacks", {})
    together = read_stacks(paths)
    assert together.sizes["sample"] == 12
    np.testing.assert_array_equal(render_stacks(together, LABELS)[8:], render_stacks(data[1], LABELS))
    other = tmp_path / "other.zarr.zip"
    storage.write(data[1].isel(height=slice(0, 5)), other, "afm_stacks", {})
    with pytest.raises(InputError, match="hold images of different sizes"):
        read_stacks([*paths, other])
    with pytest.raises(InputError, match="no AFM stacks"):
        read_stacks([])


def test_scores_of_all_decodings_have_intervals_over_films(data):
    validation = data[1].assign(film=("sample", ["a", "a", "b", "b"]))
    peaks = {"network": NETWORK | {"output": "peaks"}, "labels": LABELS}
    found = candidates(OUTPUTS["peaks"].render_stacks(validation, LABELS), 12 / 32, peaks)
    decoded = decodings(found, choose_molecules(found, peaks), peaks)
    table = all_scores(decoded, validation, peaks, seed=1)
    # Peaks drawn from the truth: only atoms at the edge, and of one species above one another, are not found.
    assert (table.value.xs("accuracy", level="score").loc["peaks"][["O", "H"]] > 0.9).all()
    assert table.value["peaks", "O", "vertical_rmse"] < 0.05
    assert (table.low <= table.value + 1e-9).all() and (table.value <= table.high + 1e-9).all()


def test_scores_by_radius_are_those_of_their_radius(data):
    labels = LABELS | {"matching_radius": dict.fromkeys(("O", "H", "Na", "K"), 0.4)}
    card = {"network": NETWORK | {"output": "peaks"}, "labels": labels}
    found = candidates(OUTPUTS["peaks"].render_stacks(data[1], labels), 12 / 32, card)
    decoded = decodings(found, choose_molecules(found, card), card)
    table = scores_by_radius(decoded, data[1], card)
    plain = evaluate(decoded["peaks"], np.zeros(len(found)), data[1], labels)
    for species in ("O", "H", "H up"):
        assert table.accuracy["peaks", 0.4, species] == plain.accuracy[species]
    recall = table.recall["ice rules"].unstack()[["O", "H"]]
    assert (recall.diff().iloc[1:] >= 0).all(axis=None) and (recall.iloc[-1] > 0.9).all()
    assert set(table.index.unique("species")) <= {"O", "H", "H flat", "H up", "H down"}


def test_shoulders_are_for_the_ice_rules_alone(data):
    card = {"network": NETWORK | {"output": "peaks"}, "labels": LABELS}
    found = candidates(OUTPUTS["peaks"].render_stacks(data[1], LABELS), 12 / 32, card)
    peaks = [one[one.arrays["peak"]] for one in found]
    more = [one + one[one.numbers == 1] for one in peaks]
    for one, fewer in zip(more, peaks, strict=True):
        one.arrays["peak"] = np.arange(len(one)) < len(fewer)
    learnt, chosen = learn_confidence(more, data[1], card)
    alone, _ = learn_confidence(peaks, data[1], card)
    assert learnt["threshold"] == alone["threshold"]
    assert learnt["calibration"] == alone["calibration"] | {"H shoulder": learnt["calibration"]["H shoulder"]}
    for one, fewer in zip(more, peaks, strict=True):
        assert decode([one], card, rules=False) == decode([fewer], card, rules=False)
    decoded = decodings(more, chosen, card | learnt)
    assert all(not one.has("peak") for structures in decoded.values() for one in structures)


def test_confidence_is_learnt_by_species(data):
    found = candidates(render_stacks(data[1], LABELS), 12 / 32, CARD)
    for one in found:
        one.positions[::2, 0] += np.where(np.arange(len(one[::2])) % 3, 0, 3.0)  # a sixth in the wrong place
        one.arrays["confidence"] = np.where(np.arange(len(one)) % 2, 0.9, 0.6)
    learnt, chosen = learn_confidence(found, data[1], CARD)
    for one, other in zip(chosen, decode(found, CARD | learnt), strict=True):
        assert confidence_under_rules(one, CARD | learnt) == other
        assert (confidence_under_rules(one, CARD | learnt).arrays["confidence"] == other.arrays["confidence"]).all()
    assert set(learnt["calibration"]) == set(learnt["threshold"]) == {"O", "H"}
    assert all(0 <= threshold <= 1 for threshold in learnt["threshold"].values())
