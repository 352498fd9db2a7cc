"""From a stack to atoms: resampling, tiles without seams, positions in the image's frame, the files written."""

import json

import ase.io
import numpy as np
import pytest
import torch
import xarray as xr
from ase import Atoms
from small_training import LABELS

from icescope.afm.measured import read_stack
from icescope.errors import InputError
from icescope.figures.experiment import draw_prediction
from icescope.learning.example import IMAGES, write_example
from icescope.learning.experiment import choose_images, predict_stack, resample, tile_starts, tile_weight
from icescope.learning.experiment_report import (
    image_table,
    read_truth,
    report_text,
    score_prediction,
    summarise,
    write_prediction,
)
from icescope.learning.images import high_frequency_residual
from icescope.learning.networks import build_network
from icescope.learning.weights import KEYS, load_weights, save_weights
from icescope.maps.avdw import KINDS, render

PIXEL = 0.4
CARD = {
    "network": {"architecture": "unet2d", "output": "avdw", "heights": 3, "channels": [8, 8], "stride": 1},
    "pixel_size": PIXEL,
    "heights": 3,
    "window_pixels": 64,
    "window_size": [25.6, 25.6, 3.0],
    "labels": LABELS,
    "metrics": {"O": 0.676, "H": 0.4, "H flat": 0.3, "loss": 0.01},
    "chance": {"O": 0.083, "H": 0.05},
    "scale": "smoke",
    "training_samples": 120,
    "sha256": "ab" * 32,
    "git_commit": "0123abc",
}


class Copy(torch.nn.Module):
    """Shows the first three images as red, green and blue."""

    def forward(self, images):
        return images[:, :3]


class White(torch.nn.Module):
    """Finds nothing."""

    def forward(self, images):
        return torch.ones_like(images[:, :3])


class DarkDiscs(torch.nn.Module):
    """Takes what is dark in the first image for oxygen, whatever the brightness and contrast of the tile."""

    def forward(self, images):
        grey = images[:, 0]
        low, high = grey.amin((1, 2), keepdim=True), grey.amax((1, 2), keepdim=True)
        grey = (grey - low) / (high - low)
        return torch.stack([torch.ones_like(grey), grey, grey], dim=1)


def stack_of(images, pixel=PIXEL, **attrs) -> xr.DataArray:
    """Stack of arrays (height, y, x) with square pixels."""
    images = np.asarray(images, dtype=np.float32)
    heights, rows, columns = images.shape
    size = (columns * pixel, rows * pixel)
    return xr.DataArray(
        images,
        dims=("height", "y", "x"),
        coords={
            "height": range(heights),
            "y": (np.arange(rows) + 0.5) * pixel,
            "x": (np.arange(columns) + 0.5) * pixel,
        },
        attrs={"folder": "scan", "files": [f"{n}.png" for n in range(heights)], "size": size, "frame": (0, 0, 0, 0)}
        | attrs,
    )


def oxygens(count: int, side: float, seed: int = 0) -> np.ndarray:
    """Random positions (A) in a square, at least 2.4 A apart."""
    rng, places = np.random.default_rng(seed), []
    while len(places) < count:
        place = rng.uniform(0, side, 2)
        if all(np.hypot(*(place - other)) > 2.4 for other in places):
            places.append(place)
    return np.array(places)


def picture(places: np.ndarray, pixels: int, pixel: float = PIXEL) -> np.ndarray:
    """Grey image (y, x) with a dark disc for each oxygen."""
    position = np.column_stack([places, np.zeros(len(places))])
    oxygen = [kind.symbol for kind in KINDS].index("O")
    maps = render(position, np.full(len(places), oxygen), np.array([len(places)]), pixels, pixel, LABELS["disc_radius"])
    return maps[0, 1].numpy()


def distances(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """From each wanted place to the nearest one found."""
    return np.linalg.norm(found[None] - wanted[:, None], axis=2).min(axis=1)


def prediction_of_discs(pixels=100, heights=4, **attrs):
    places = oxygens(60, pixels * PIXEL)
    images = [picture(places, pixels)] * heights
    return places, predict_stack(stack_of(images, **attrs), DarkDiscs(), CARD)


def test_images_are_chosen_evenly_and_in_order():
    assert choose_images(14, 10, "scan") == [0, 1, 3, 4, 6, 7, 9, 10, 12, 13]
    assert choose_images(10, 10, "scan") == list(range(10))


@pytest.mark.parametrize("available", range(10, 40))
def test_no_image_is_chosen_twice(available):
    chosen = choose_images(available, 10, "scan")
    assert len(set(chosen)) == 10 and chosen == sorted(chosen) and chosen[0] == 0 and chosen[-1] == available - 1


def test_too_few_images_are_refused_with_both_numbers():
    with pytest.raises(InputError, match="scan has 2 images, but the network takes 3; measure more"):
        predict_stack(stack_of(np.zeros((2, 80, 80))), Copy(), CARD)


def test_pixels_too_coarse_are_refused():
    with pytest.raises(InputError, match=r"one pixel is 1\.5 A along y, too coarse .*check that cell.txt is in nm"):
        predict_stack(stack_of(np.zeros((3, 80, 80)), pixel=1.5), Copy(), CARD)


def test_resampling_keeps_places():
    y, x = np.mgrid[:300, :200]
    fine = stack_of([(x + 0.5) * 0.1, (y + 0.5) * 0.1], pixel=0.1)
    coarse = resample(fine, PIXEL)
    assert dict(coarse.sizes) == {"height": 2, "y": 75, "x": 50}
    np.testing.assert_allclose(np.diff(coarse.x), PIXEL, rtol=1e-6)
    inner = np.s_[3:-3]
    np.testing.assert_allclose(coarse.values[0, 5, inner], coarse.x[inner], atol=2e-3)
    np.testing.assert_allclose(coarse.values[1, inner, 5], coarse.y[inner], atol=2e-3)


def test_resampling_filters_what_coarser_pixels_cannot_show():
    y, x = np.mgrid[:256, :256]
    fine = stack_of([(-1.0) ** (x + y)], pixel=0.1)
    assert np.abs(resample(fine, PIXEL).values).max() < 0.05


def test_pixels_of_the_networks_size_are_left_alone():
    images = np.random.default_rng(0).normal(size=(2, 40, 50))
    np.testing.assert_array_equal(resample(stack_of(images), PIXEL).values, images.astype(np.float32))


@pytest.mark.parametrize("length", [64, 65, 95, 96, 97, 200, 471])
def test_tiles_cover_the_image_and_overlap_by_half(length):
    starts = tile_starts(length, 64)
    assert starts[0] == 0 and starts[-1] == length - 64
    assert all(0 < step <= 32 for step in np.diff(starts))


def test_weights_are_nowhere_zero():
    assert tile_weight(64).min() > 0


def test_merged_map_has_no_seams():
    """Where all tiles have one mean and contrast, what a copying network sees is what it gives, border included."""
    y, x = np.mgrid[:160, :224] * 2 * np.pi / 16
    images = np.stack([np.sin(x) + np.cos(y), np.cos(x + y), np.sin(2 * y)])
    merged = predict_stack(stack_of(images), Copy(), CARD | {"labels": LABELS | {"threshold": 9.0}}).colour_map
    expected = images / images.std(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(merged, expected.clip(0, 1), atol=1e-3)


def test_tiles_of_different_contrast_blend_smoothly():
    """A pattern whose brightness and contrast rise across the image: no step where one tile ends."""
    y, x = np.mgrid[:160, :224]
    images = np.stack([(1 + x / 100) * np.sin(x * np.pi / 8) * np.cos(y * np.pi / 8) + x / 20] * 3)
    merged = predict_stack(stack_of(images), Copy(), CARD | {"labels": LABELS | {"threshold": 9.0}}).colour_map
    steps = np.abs(np.diff(merged.values, n=2, axis=2)).mean(axis=(0, 1))
    ends = sorted({edge for start in tile_starts(224, 64) for edge in (start, start + 64)} - {0, 224})
    here, anywhere = steps[np.array(ends) - 1], steps
    assert here.max() < 1.5 * np.percentile(anywhere, 95)


def test_atoms_are_found_where_they_are():
    places, prediction = prediction_of_discs()
    inside = np.abs(places - 20).max(axis=1) < 19
    assert distances(prediction.atoms.positions[:, :2], places[inside]).max() < 0.15
    assert len(prediction.atoms) == pytest.approx(len(places), abs=3)


def test_a_translation_of_the_image_translates_the_atoms():
    places = oxygens(160, 56.0, seed=4)
    scene = picture(places, 140)
    one, two = (
        predict_stack(stack_of([scene[dy : dy + 120, dx : dx + 120]] * 3), DarkDiscs(), CARD).atoms.positions[:, :2]
        for dx, dy in ((0, 0), (13, 7))
    )
    inside = (one > (6.5, 4.5)).all(axis=1) & (one < 46).all(axis=1)
    assert inside.sum() > 50
    assert distances(two + np.array([13, 7]) * PIXEL, one[inside]).max() < 0.05


def test_fine_and_oblong_pixels_give_the_same_places():
    places = oxygens(40, 40.0, seed=2)
    fine = picture(places, 400, 0.1)
    oblong = stack_of([fine] * 3, pixel=0.1).coarsen(x=3, boundary="trim").mean()
    oblong.attrs = stack_of([fine]).attrs | {"size": (39.9, 40.0)}
    found = predict_stack(oblong, DarkDiscs(), CARD).atoms.positions[:, :2]
    inside = np.abs(places - 20).max(axis=1) < 18.5
    assert distances(found, places[inside]).max() < 0.15


def test_positions_count_from_the_corner_of_the_image_as_given():
    places = oxygens(60, 40.0)
    whole = stack_of([picture(places, 100)] * 3)
    cropped = whole.isel(x=slice(4, None), y=slice(3, 99))
    atoms = predict_stack(cropped, DarkDiscs(), CARD).atoms
    inside = np.abs(places - 20.8).max(axis=1) < 18
    assert distances(atoms.positions[:, :2], places[inside]).max() < 0.15
    np.testing.assert_allclose(atoms.cell.lengths()[:2], 40.0, rtol=1e-6)


def test_an_image_smaller_than_a_tile_gives_its_own_atoms_only():
    places = np.array([[4.1, 4.15], [7.3, 9.25]])
    atoms = predict_stack(stack_of([picture(places, 30)] * 3), DarkDiscs(), CARD).atoms
    assert len(atoms) == 2
    assert distances(atoms.positions[:, :2], places).max() < 0.1


def test_the_batch_size_does_not_matter():
    stack = stack_of(np.random.default_rng(0).normal(size=(3, 100, 130)))
    card = CARD | {"labels": LABELS | {"threshold": 9.0}}
    one, many = (predict_stack(stack, Copy(), card, batch_size=size).colour_map for size in (1, 16))
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_noise_raises_the_high_frequency_residual():
    places = oxygens(60, 40.0)
    images = np.stack([picture(places, 100)] * 2)
    noisy = images + 0.2 * np.random.default_rng(0).normal(size=images.shape)
    assert (high_frequency_residual(noisy) > high_frequency_residual(images) + 0.05).all()


def test_summary_counts_waters_and_density():
    _, prediction = prediction_of_discs()
    water = Atoms("OHHOH", [[5, 5, 0], [5.9, 5, 0], [4.8, 5.9, 0], [15, 15, 0], [15.9, 15, 0]])
    water.set_array("confidence", np.array([0.9, 0.9, 0.5, 0.7, 0.9]))
    water.set_array("settled", np.array([True, True, True, False, False]))
    summary = summarise(prediction.__class__(**(vars(prediction) | {"atoms": water})))
    assert summary["O: atoms"] == 2 and summary["H: atoms"] == 3
    assert summary["H: share with confidence above 0.8"] == pytest.approx(2 / 3)
    assert summary["oxygens per nm2"] == pytest.approx(2 / 16)
    assert summary["share of oxygens with two hydrogens within 1.2 A"] == 0.5
    assert summary["share of oxygens whose molecule is settled"] == 0.5


def test_results_are_written_and_read_back(tmp_path):
    _, prediction = prediction_of_discs(folder="scan <1>")
    out = tmp_path / "a" / "b"
    files = write_prediction(prediction, draw_prediction(prediction), CARD, "unet.safetensors", out)
    assert sorted(path.name for path in out.iterdir()) == sorted(files) == ["map.png", "report.md", "structure.xyz"]
    atoms = ase.io.read(files["structure.xyz"], format="extxyz")
    np.testing.assert_allclose(atoms.positions, prediction.atoms.positions, atol=1e-6)
    np.testing.assert_allclose(atoms.cell.lengths(), [40, 40, 3])
    np.testing.assert_allclose(atoms.arrays["confidence"], prediction.atoms.arrays["confidence"], atol=1e-6)
    assert set(atoms.arrays["pose"]) == {"-"} and not atoms.pbc.any()
    assert atoms.info["weights_sha256"] == CARD["sha256"] and atoms.info["source"] == "scan <1>"
    report = files["report.md"].read_text()
    for text in ("scan <1>", CARD["sha256"], "0123abc", "smoke", "0.png, 2.png, 3.png", "simulated images only"):
        assert text in report
    assert "Against truth" not in report


def test_hydrogens_keep_their_pose_in_the_file(tmp_path):
    _, prediction = prediction_of_discs()
    atoms = Atoms("OHH", [[5, 5, 0], [5.9, 5, 0], [5, 5.4, 0.9]], cell=[40, 40, 3])
    atoms.set_array("confidence", np.array([0.9, 0.8, 0.7]))
    atoms.set_array("pose", np.array(["", "flat", "up"]))
    atoms.set_array("molecule", np.zeros(3, int))
    atoms.set_array("settled", np.ones(3, bool))
    prediction = prediction.__class__(**(vars(prediction) | {"atoms": atoms}))
    files = write_prediction(prediction, draw_prediction(prediction), CARD, "w", tmp_path)
    assert list(ase.io.read(files["structure.xyz"], format="extxyz").arrays["pose"]) == ["-", "flat", "up"]


def test_an_empty_prediction_is_written(tmp_path):
    images = np.random.default_rng(0).normal(size=(3, 70, 70))
    prediction = predict_stack(stack_of(images), White(), CARD)
    files = write_prediction(prediction, draw_prediction(prediction), CARD, "w", tmp_path)
    assert files["structure.xyz"].read_text().splitlines()[0].strip() == "0"
    assert "oxygens per nm2" in files["report.md"].read_text()


def test_a_range_of_the_training_images_is_compared_with(tmp_path):
    _, prediction = prediction_of_discs()
    for known, word in (((0.0, 1.0), "inside"), ((0.9, 1.0), "outside")):
        card = CARD | {"residual": known}
        files = write_prediction(prediction, draw_prediction(prediction), card, "w", tmp_path)
        assert f"this stack lies {word} that range" in files["report.md"].read_text()


def test_a_file_in_place_of_the_results_folder(tmp_path):
    _, prediction = prediction_of_discs()
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="out cannot be made a folder for the results"):
        write_prediction(prediction, draw_prediction(prediction), CARD, "w", tmp_path / "out")


def test_known_atoms_are_scored(tmp_path):
    places, prediction = prediction_of_discs()
    truth = Atoms(f"O{len(places)}", np.column_stack([places, np.zeros(len(places))]))
    truth.set_array("pose", np.full(len(places), "-"))
    ase.io.write(tmp_path / "truth.xyz", truth, format="extxyz", columns=["symbols", "positions", "pose"])
    truth = read_truth(tmp_path)
    assert set(truth.arrays["pose"]) == {""}
    scores = score_prediction(prediction, truth, LABELS)
    assert scores.loc["O", "accuracy"] > 0.9
    files = write_prediction(prediction, draw_prediction(prediction), CARD, "w", tmp_path / "out", truth)
    assert "Against truth.xyz" in files["report.md"].read_text()


def test_a_folder_without_truth_has_none(tmp_path):
    assert read_truth(tmp_path) is None


@pytest.mark.parametrize("text", ["", "nonsense", "1\n\nO 0 0 0\n", "5\n\nO 0 0 0\n"])
def test_a_truth_that_cannot_be_read(tmp_path, text):
    (tmp_path / "truth.xyz").write_text(text)
    with pytest.raises(InputError, match=r"truth\.xyz cannot be read as extended XYZ with a column pose"):
        read_truth(tmp_path)


@pytest.mark.parametrize("key", KEYS)
def test_a_card_that_lacks_what_prediction_uses_is_refused_by_key(key):
    card = {name: value for name, value in CARD.items() if name != key}
    with pytest.raises(InputError, match=f"does not hold the key '{key}'"):
        predict_stack(stack_of(np.zeros((3, 80, 80))), Copy(), card)


@pytest.mark.parametrize("key", ["network", "sha256"])
def test_weights_whose_card_lacks_a_key_are_refused_by_key(tmp_path, key):
    path = tmp_path / "unet.safetensors"
    save_weights(build_network(CARD["network"], LABELS), {"network": CARD["network"], "labels": LABELS}, path)
    card = json.loads(path.with_suffix(".json").read_text())
    del card[key]
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=rf"unet\.json is not a card .* does not hold the key '{key}'"):
        load_weights(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_refused(bad):
    class Diverged(torch.nn.Module):
        def forward(self, images):
            return images[:, :3] * bad

    with pytest.raises(InputError, match="values that are not finite, as after a training that diverged"):
        predict_stack(stack_of(np.random.default_rng(0).normal(size=(3, 70, 70))), Diverged(), CARD)


def test_the_depth_of_the_lattice_is_that_of_the_training_windows():
    images = [picture(oxygens(10, 30.0), 75)] * 3
    atoms = predict_stack(stack_of(images), DarkDiscs(), CARD | {"window_size": [25.6, 25.6, 4.5]}).atoms
    np.testing.assert_allclose(atoms.cell.lengths(), [30, 30, 4.5])


def test_the_report_sets_accuracies_beside_chance():
    _, prediction = prediction_of_discs()
    report = report_text(prediction, CARD, "unet.safetensors")
    assert "- oxygen accuracy on simulated validation windows: 67.6 % (chance 8.3 %)" in report
    assert "- flat hydrogen accuracy on simulated validation windows: 30.0 % (chance not known)" in report
    assert "- loss on simulated validation windows: 0.01" in report
    assert "the path works" not in report


@pytest.mark.parametrize(
    "accuracy, chance, sentence",
    [
        (0.49, {"O": 0.08}, "not what the sample is**: their oxygen accuracy is 49.0 %, against 8.0 % by chance"),
        (0.6, {"O": 0.31}, "not what the sample is**: their oxygen accuracy is 60.0 %, against 31.0 % by chance"),
        (0.3, {}, "not what the sample is**: their oxygen accuracy is 30.0 %; train"),
        (None, {}, "do not say how many oxygens they find"),
    ],
)
def test_the_report_says_first_that_poor_weights_are_poor(accuracy, chance, sentence):
    _, prediction = prediction_of_discs()
    card = CARD | {"metrics": {} if accuracy is None else {"O": accuracy}, "chance": chance}
    report = report_text(prediction, card, "unet.safetensors")
    first = report.partition("## How far to trust it\n\n")[2].partition("\n")[0]
    assert sentence in first


def test_the_table_of_a_stack_has_a_row_for_each_image():
    images = np.stack([scale * np.random.default_rng(0).normal(size=(32, 32)) + 5 for scale in (1, 2, 3)])
    table = image_table(stack_of(images))
    assert list(table.file) == ["0.png", "1.png", "2.png"]
    np.testing.assert_allclose(table.standard_deviation / table.standard_deviation[0], [1, 2, 3], rtol=1e-5)
    np.testing.assert_allclose(table.maximum, images.max(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(table.high_frequency_residual, high_frequency_residual(images), rtol=1e-4)


@pytest.fixture
def simulated() -> xr.Dataset:
    """Two samples of kind "afm_stacks", the second with a molecule inside the window and one in its margin."""
    rng = np.random.default_rng(0)
    water = np.array([[3, 3, 5], [3.8, 3, 5.6], [3, 3.2, 4], [-2, 3, 5], [-1.2, 3, 5.6], [-2, 3.2, 4]])
    first = water[:3] + [1, 1, 0]
    columns = {
        "frequency_shift": (("sample", "height", "y", "x"), rng.normal(size=(2, 16, 24, 24)).astype(np.float16)),
        "position": (("atom", "xyz"), np.concatenate([first, water]).astype(np.float32)),
        "number": ("atom", np.tile([8, 1, 1], 3)),
        "molecule": ("atom", np.repeat([0, 0, 1], 3)),
        "atom_count": ("sample", [3, 6]),
    }
    attributes = {"window_size": [9.6, 9.6, 3.0], "film": "Au_c12_T160"}
    return xr.Dataset(columns, coords={"height": 13.0 - 0.1 * np.arange(16)}, attrs=attributes)


def test_the_example_reads_back_as_a_measured_stack_with_its_true_atoms(simulated, tmp_path):
    write_example(simulated, 1, LABELS["pose_bound"], 3, tmp_path / "a")
    stack, truth = read_stack(tmp_path / "a"), read_truth(tmp_path / "a")
    assert stack.sizes["height"] == IMAGES and stack.attrs["size"] == (9.6, 9.6)
    assert truth.get_chemical_formula() == "H2O" and list(truth.arrays["pose"]) == ["", "flat", "down"]
    np.testing.assert_allclose(truth.positions[0], [3, 3, 5], atol=1e-6)
    readme = (tmp_path / "a" / "README.md").read_text()
    assert "film Au_c12_T160" in readme and "11.50 to 12.80 A" in readme


def test_the_seed_repeats_the_example(simulated, tmp_path):
    for name, seed in {"a": 3, "b": 3, "c": 4}.items():
        write_example(simulated, 1, LABELS["pose_bound"], seed, tmp_path / name)
    one, same, other = (read_stack(tmp_path / name).values for name in "abc")
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
