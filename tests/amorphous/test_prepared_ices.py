"""The ices of data/phases: what their records say, and that the package's classifiers know them."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from icescope.amorphous.classification import classify
from icescope.amorphous.frames import settings_at, water_frames
from icescope.amorphous.interface import fit_interface
from icescope.amorphous.phase_weights import load_classifier, shipped_classifier
from icescope.md.thermodynamics import density

ROOT = Path(__file__).parents[2]
ICES = ROOT / "data" / "phases"
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())["amorphous"]


def files(name):
    return ICES / name / "trajectory.xtc", ICES / name / "topology.pdb.gz"


@pytest.mark.parametrize("phase", CONFIG["states"])
def test_every_trajectory_was_sampled_at_every_state(phase):
    states = CONFIG["states"][phase]
    wanted = {(float(kelvin), float(gpa)) for kelvin in states["temperatures"] for gpa in states["pressures"]}
    for number in range(CONFIG["trajectories"]):
        times = [frame.info["time"] for frame in water_frames(*files(f"{phase}_{number}"))]
        rows = settings_at(ICES / f"{phase}_{number}" / "record.csv", np.array(times))
        assert set(zip(rows.set_temperature_K, rows.set_pressure_GPa.round(6), strict=True)) == wanted
        np.testing.assert_allclose(rows.temperature_K.mean(), rows.set_temperature_K.mean(), rtol=0.05)


def test_densities_are_in_the_order_of_the_names():
    mean = {
        phase: np.mean([density(frame, frame.cell.array) for frame in water_frames(*files(f"{phase}_0"))])
        for phase in CONFIG["states"]
    }
    assert mean["LDA"] < mean["MDA"] < mean["HDA"]


def test_compressed_lda_ends_as_hda():
    """By the package's M2(O,H): nine in ten molecules at the least, of 432."""
    classifier, card = load_classifier(shipped_classifier("M2", "O,H"))
    frames = list(water_frames(*files("compression")))
    likeliest = classify([frames[0], frames[-1]], classifier, card).probability.values.argmax(2)
    assert (likeliest[0] == 0).mean() > 0.9
    assert (likeliest[1] == 1).mean() > 0.9


def test_interface_was_pressed_along_x_alone():
    frames = list(water_frames(*files("pressed")))
    rows = settings_at(ICES / "pressed" / "record.csv", np.array([frame.info["time"] for frame in frames]))
    pressures = rows.set_pressure_GPa.round(6).to_numpy()
    first = np.flatnonzero(np.diff(pressures, prepend=np.nan) != 0)
    assert pressures[first].tolist() == CONFIG["interface"]["pressures"]
    edges = np.array([frame.cell.lengths() for frame in frames])
    assert np.ptp(edges[:, 1:], axis=0).max() < 1e-3
    length = [edges[pressures == pressure, 0].mean() for pressure in (0.6, 0.2, 0.0)]
    assert length == sorted(length)


@pytest.fixture(scope="module")
def unlearnt():
    """Probabilities of molecules over 10 A from both interfaces, by model, descriptors and the phase that they are."""
    first = next(iter(water_frames(*files("interface"))))
    models = [(model, descriptors) for model in ("M2", "M3") for descriptors in ("O", "O,H")]
    found = {one: classify([first], *load_classifier(shipped_classifier(*one))) for one in models}
    by_oxygens = found["M2", "O"].isel(frame=0)
    x, length = by_oxygens.position.values[:, 0], by_oxygens.cell.values[0, 0]
    fit = fit_interface(x, by_oxygens.probability.sel(phase="HDA").values, length)
    away, slab = (x - fit.left) % length, (fit.right - fit.left) % length
    cores = {"HDA": (away > 10) & (away < slab - 10), "LDA": (away > slab + 10) & (away < length - 10)}
    return {
        (*one, phase): found[one].probability.isel(frame=0)[core] for one in models for phase, core in cores.items()
    }


@pytest.mark.parametrize(
    ("model", "descriptors", "phase", "right", "sure"),
    [
        ("M2", "O", "HDA", 0.916, 0.983),
        ("M2", "O,H", "HDA", 0.870, 0.961),
        ("M3", "O", "LDA", 0.745, 0.851),
        ("M3", "O", "HDA", 0.816, 0.918),
        ("M3", "O,H", "LDA", 0.716, 0.859),
        ("M3", "O,H", "HDA", 0.735, 0.898),
    ],
)
def test_classifiers_are_too_sure_of_ices_that_they_have_not_learnt_from(
    unlearnt, model: str, descriptors: str, phase: str, right: float, sure: float
):
    """By as much as docs/amorphous.md says."""
    probability = unlearnt[model, descriptors, phase]
    found = (probability.phase.values[probability.values.argmax(1)] == phase).mean()
    assert found == pytest.approx(right, abs=0.005)
    assert probability.values.max(1).mean() == pytest.approx(sure, abs=0.003)
    assert found < sure - 0.05
