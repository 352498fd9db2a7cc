import numpy as np
import pytest
import torch
import xarray as xr
from small_training import NETWORK, TRAINING
from water import layer

from icescope.afm.stacks import simulate_windows
from icescope.errors import InputError
from icescope.learning import simulated
from icescope.learning import training as training_module
from icescope.learning.data import Stacks
from icescope.learning.simulated import SimulatedStacks
from icescope.learning.training import train

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55}, "pose_bound": 0.7}
AFM = {
    "pixels": 16,
    "heights": [11.4, 11.8],
    "height_step": 0.1,
    "height_origin": "mean_oxygen",
    "height_offset": -3.8,
    "amplitude": 1.0,
    "f0": 28700.0,
    "k0": 1800.0,
    "tip": {"element": "O", "charge": -0.05, "lateral_stiffness": 0.5, "radial_stiffness": 20.0, "length": 4.0},
}
FIXED = {"lateral_stiffness": [0.5, 0.5], "charge": [-0.05, -0.05], "height": [0.0, 0.0]}
RANGES = {"lateral_stiffness": [0.3, 0.8], "charge": [-0.1, 0.0], "height": [-0.2, 0.2]}


@pytest.fixture(scope="module")
def windows():
    atoms = [layer(side, seed=side) for side in (3, 4, 3)]
    count = np.array([len(one) for one in atoms], np.int32)
    return xr.Dataset(
        {
            "position": (("atom", "xyz"), np.concatenate([one.positions for one in atoms]).astype(np.float32)),
            "number": ("atom", np.concatenate([one.numbers for one in atoms]).astype(np.uint8)),
            "charge": ("atom", np.concatenate([one.get_initial_charges() for one in atoms]).astype(np.float32)),
            "molecule": ("atom", np.concatenate([np.arange(len(one)) // 3 for one in atoms]).astype(np.int32)),
            "atom_count": ("sample", count),
        },
        attrs={"window_size": [9.0, 9.0, 3.0]},
    )


def test_images_under_the_usual_tip_are_those_that_are_stored(windows):
    stored = simulate_windows(windows, AFM).frequency_shift.values.astype(np.float32)
    batch = SimulatedStacks(windows, LABELS, AFM, FIXED, seed=1)[[2, 0]]
    # Stored in half precision, of 11 bits.
    np.testing.assert_allclose(batch["images"].numpy(), stored[[2, 0]], rtol=1e-3, atol=1e-3)
    assert batch["count"].tolist() == windows.atom_count.values[[2, 0]].tolist()
    assert len(batch["position"]) == len(batch["kind"]) == batch["count"].sum()


def test_no_batch_comes_twice_and_a_repeated_epoch_repeats_it(windows):
    data = SimulatedStacks(windows, LABELS, AFM, RANGES, seed=1)
    first = data[[0, 1]]["images"]
    data.set_epoch(1)
    second = data[[0, 1]]["images"]
    assert (first - second).abs().max() > 0.01 * first.abs().max()
    data.set_epoch(0)
    assert torch.equal(data[[0, 1]]["images"], first)
    assert not torch.equal(SimulatedStacks(windows, LABELS, AFM, RANGES, seed=2)[[0, 1]]["images"], first)


def test_another_range_of_tips_is_another_training(windows):
    one, other = (SimulatedStacks(windows, LABELS, AFM, tips, seed=1).digest().hexdigest() for tips in (FIXED, RANGES))
    assert one != other


def test_so_are_other_charges(windows):
    other = windows.copy(deep=True)
    other["charge"] = 1.1 * other.charge
    one, two = (SimulatedStacks(some, LABELS, AFM, FIXED, seed=1).digest().hexdigest() for some in (windows, other))
    assert one != two


def test_a_probe_in_the_water_is_refused_as_for_stored_images(windows):
    low = AFM | {"height_origin": "substrate", "height_offset": -11.0}
    with pytest.raises(InputError, match="heights above substrate put the probe"):
        SimulatedStacks(windows, LABELS, low, FIXED, seed=1)
    lower = FIXED | {"height": [-9.0, 0.0]}
    with pytest.raises(InputError, match="heights above mean_oxygen put the probe"):
        SimulatedStacks(windows, LABELS, AFM, lower, seed=1)


def test_two_processes_simulate_half_a_batch_each_and_learn_what_one_does(windows, tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "precision", lambda: "32-true")
    drawn = []  # structures of each call in this process, which is one of the two

    def counted(structures, *arguments):
        drawn.append(len(structures))
        return simulate(structures, *arguments)

    simulate = simulated.simulate
    monkeypatch.setattr(simulated, "simulate", counted)
    data = SimulatedStacks(windows, LABELS, AFM, RANGES, seed=1), Stacks(simulate_windows(windows, AFM), LABELS)
    settings = NETWORK, LABELS, TRAINING | {"batch_size": 2, "epochs": 3}, 5
    _, alone = train(*data, *settings, tmp_path / "alone")
    _, together = train(*data, *settings, tmp_path / "together", devices=2)
    assert drawn == 3 * [2] + 3 * [1]
    np.testing.assert_allclose(together, alone, rtol=1e-5)  # single precision, added in another order
