"""Phases along a trajectory: each molecule by its surroundings, one frame in memory at a time."""

import weakref
from collections.abc import Iterator

import ase.io
import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from ase.io.extxyz import write_extxyz
from matplotlib.colors import to_rgb
from trajectories import drifting_ice, taught_classifier

from icescope.amorphous.classification import classify, coloured, fractions, uncalibrated
from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.phases import IA, MODELS
from icescope.amorphous.soap import features, soap
from icescope.errors import InputError
from icescope.figures.amorphous_phases import COLOURS
from icescope.storage import read, write
from icescope.structures.ice import ice_ih

CARD = {"model": "M2", "phases": ["LDA", "HDA"], "descriptors": "O", "sha256": "ab" * 32}
M3 = {"model": "M3", "phases": ["LDA", "MDA", "HDA"], "descriptors": "O,H", "sha256": "ab" * 32}


@pytest.fixture(scope="module")
def taught() -> PhaseClassifier:
    return taught_classifier("O")


@pytest.fixture(scope="module")
def three() -> PhaseClassifier:
    """Of three phases, untrained, and unsure enough that every threshold counts."""
    torch.manual_seed(3)
    made = PhaseClassifier(len(features("O,H")), 3)
    made.temperature.fill_(0.02)
    return made


@pytest.fixture
def frames() -> list[Atoms]:
    return drifting_ice(3)


def test_each_molecule_is_classified_by_its_surroundings(frames, three):
    dataset = classify(frames, three, M3)
    assert dict(dataset.sizes) == {"frame": 3, "molecule": 16, "phase": 3, "xyz": 3, "vector": 3}
    assert dataset.phase.values.tolist() == ["LDA", "MDA", "HDA"]
    for one, atoms in zip(dataset.transpose("frame", ...).probability.values, frames, strict=True):
        np.testing.assert_allclose(one, three.probabilities(soap(atoms, "O,H")), atol=1e-6)
    for frame, atoms in enumerate(frames):
        np.testing.assert_allclose(dataset.position[frame], atoms.positions[atoms.symbols == "O"], atol=1e-5)
        np.testing.assert_allclose(dataset.cell[frame], atoms.cell)
    units = {name: variable.attrs["units"] for name, variable in dataset.items()}
    assert units == {"probability": "1", "position": "A", "cell": "A", "time": "ps"}


def test_calibration_is_undone(frames, three):
    """With a temperature that leaves no probability to rounding: the softmax of the log odds as they are."""
    three.temperature.fill_(1.7)
    try:
        before = uncalibrated(classify(frames, three, M3)).probability.values
        for one, atoms in zip(before, frames, strict=True):
            log_odds = three.log_odds(soap(atoms, "O,H"))
            np.testing.assert_allclose(one, three.of_log_odds(log_odds, 1.0), atol=1e-5)
    finally:
        three.temperature.fill_(0.02)


def test_probabilities_do_not_depend_on_images_and_axes(frames, three):
    """Molecules wrapped into the cell atom by atom, and the whole turned about."""
    wrapped = [atoms.copy() for atoms in frames]
    for atoms in wrapped:
        atoms.wrap()
    turned = [atoms.copy() for atoms in frames]
    for atoms in turned:
        atoms.rotate(70, (1, 2, 3), rotate_cell=True)
    expected = classify(frames, three, M3).probability
    for other in (wrapped, turned):
        np.testing.assert_allclose(classify(other, three, M3).probability, expected, atol=2e-3)


def test_dense_and_light_ice_are_told_apart(taught):
    """Ice at the densities of LDA and HDA, of which the classifier has seen others."""
    light, dense = (ice_ih((2, 2, 2), seed=8, density=density) for density in (0.93, 1.25))
    for atoms, seed in ((light, 9), (dense, 10)):
        atoms.rattle(0.1, seed=seed)
    table = fractions(classify([light, dense], taught, CARD), 0.95)
    assert table.LDA[0] > 0.9 and table.HDA[1] > 0.9


def test_one_frame_is_held_at_a_time(taught):
    held: list[weakref.ref] = []

    def made() -> Iterator[Atoms]:
        for atoms in drifting_ice(5):
            copy = atoms.copy()
            held.append(weakref.ref(copy))
            yield copy
            del copy
            assert sum(one() is not None for one in held) <= 1

    assert classify(made(), taught, CARD).sizes["frame"] == 5


def test_frames_keep_their_numbers_and_times(frames, taught):
    for number, atoms in enumerate(frames):
        atoms.info["frame"] = 10 * number
    frames[0].info["time"], frames[2].info["time"] = 0.5, 2.5
    dataset = classify(frames, taught, CARD)
    assert dataset.frame.values.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(dataset.time, [0.5, np.nan, 2.5])
    table = fractions(dataset, 0.9)
    assert table.index.tolist() == [0, 10, 20] and table.index.name == "frame"
    np.testing.assert_array_equal(table.time_ps, [0.5, np.nan, 2.5])


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.98])
def test_shares_are_those_of_molecules_above_the_threshold(frames, three, threshold):
    dataset = classify(frames, three, M3)
    table = fractions(dataset, threshold)
    assert table.columns.tolist() == ["time_ps", *MODELS["M3"], IA]
    for number, name in enumerate(MODELS["M3"]):
        np.testing.assert_allclose(table[name], (dataset.probability[..., number] > threshold).mean("molecule"))
    np.testing.assert_allclose(table[[*MODELS["M3"], IA]].sum(axis=1), 1)


def test_a_higher_threshold_leaves_more_intermediate(frames, three):
    dataset = classify(frames, three, M3)
    shares = [fractions(dataset, one)[IA].mean() for one in (0.5, 0.8, 0.95, 0.999)]
    assert shares == sorted(shares) and 0 <= shares[0] < shares[-1]


def test_the_store_gives_back_what_was_written(frames, three, tmp_path):
    dataset = classify(frames, three, M3)
    write(dataset, tmp_path / "phases.zarr.zip", "phases", {})
    back = read(tmp_path / "phases.zarr.zip", "phases")
    pd.testing.assert_frame_equal(fractions(back, 0.8), fractions(dataset, 0.8))
    assert (back.attrs["model"], back.attrs["descriptors"], back.attrs["weights"]) == ("M3", "O,H", "ab" * 32)


def test_coloured_oxygens_as_they_are_read_back(frames, three, tmp_path):
    frames[0].info["time"] = 0.5
    dataset = classify(frames, three, M3)
    with (tmp_path / "phases.extxyz").open("w") as file:
        write_extxyz(file, coloured(dataset, 0.8, COLOURS))
    header = (tmp_path / "phases.extxyz").read_text().splitlines()[1]
    # OVITO maps pos to the position and color to the colour, and leaves out columns of text.
    assert "Properties=species:S:1:pos:R:3:phase:S:1:phase_number:I:1:probability_LDA:R:1:" in header
    assert "color:R:3" in header and 'pbc="T T T"' in header
    back = ase.io.read(tmp_path / "phases.extxyz", ":")
    assert [atoms.info.get("time") for atoms in back] == [0.5, None, None]
    names = np.array([*MODELS["M3"], IA])
    seen = set()
    for number, atoms in enumerate(back):
        assert set(atoms.symbols) == {"O"} and atoms.info["frame"] == number
        assert (
            (atoms.get_scaled_positions(wrap=False) > -1e-6) & (atoms.get_scaled_positions(wrap=False) < 1.000001)
        ).all()
        for phase, name in enumerate(MODELS["M3"]):
            expected = dataset.probability.values[number, :, phase]
            np.testing.assert_allclose(atoms.arrays[f"probability_{name}"], expected, atol=1e-7)
            assert ((atoms.arrays["phase"] == name) == (expected > 0.8)).all()
        assert (names[atoms.arrays["phase_number"]] == atoms.arrays["phase"]).all()
        for name, colour in zip(atoms.arrays["phase"], atoms.arrays["color"], strict=True):
            np.testing.assert_allclose(colour, to_rgb(COLOURS[name]), atol=1e-6)
        seen |= set(atoms.arrays["phase"])
    assert IA in seen and len(seen) > 1
    lost = [atoms.get_all_distances(mic=True) for atoms in back]  # wrapping has changed no distance
    for one, atoms in zip(lost, frames, strict=True):
        np.testing.assert_allclose(one, atoms[atoms.symbols == "O"].get_all_distances(mic=True), atol=1e-4)


def test_what_cannot_be_classified(frames, taught, three):
    with pytest.raises(InputError, match="frame 1 has 15 molecules and frame 0 has 16; classify stretches"):
        classify([frames[0], frames[1][:-3]], taught, CARD)
    with pytest.raises(InputError, match="there are no frames"):
        classify(iter(()), taught, CARD)
    with pytest.raises(InputError, match=r"has no H, which the descriptors \(O,H\) need"):
        classify([frames[0][frames[0].symbols == "O"]], three, M3)
