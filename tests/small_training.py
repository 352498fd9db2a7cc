"""Images that are quick to learn from, and trainings of a small network on them."""

import numpy as np
import xarray as xr
from water import layer

from icescope.learning.data import Stacks
from icescope.learning.training import train
from icescope.maps.avdw import render_stacks

LABELS = {
    "disc_radius": {"O": 0.75, "H": 0.55},
    "pose_bound": 0.7,
    "threshold": 0.5,
    "matching_radius": {"O": 0.74, "H": 0.528},
}
NETWORK = {"architecture": "unet2d", "output": "avdw", "heights": 4, "channels": [8, 8, 8], "stride": 1}
CARD = {"network": NETWORK, "labels": LABELS}
TRAINING = {
    "epochs": 2,
    "batch_size": 4,
    "optimiser": "adam",
    "learning_rate": 1e-3,
    "schedule": "one_cycle",
    "gradient_clip": 10.0,
    "augmentation": {"shift": 1, "noise": 0.1, "cutout": 9, "turn": True},
}


def stacks(samples, seed):
    """Layers of water under images that are the label's own colours, blurred by noise: quick to learn from."""
    rng = np.random.default_rng(seed)
    atoms = [layer(4, seed=seed * 1000 + i) for i in range(samples)]
    for one in atoms:
        one.positions[:, :2] += rng.uniform(-1.5, 1.5, 2)
    count = np.array([len(one) for one in atoms], np.int32)
    dataset = xr.Dataset(
        {
            "position": (("atom", "xyz"), np.concatenate([one.positions for one in atoms]).astype(np.float32)),
            "number": ("atom", np.concatenate([one.numbers for one in atoms]).astype(np.uint8)),
            "molecule": ("atom", np.concatenate([np.arange(len(one)) // 3 for one in atoms]).astype(np.int32)),
            "atom_count": ("sample", count),
            "origin_height": ("sample", np.zeros(samples, np.float32)),
        },
        {"x": ("x", np.arange(32.0))},
        {"window_size": [12.0, 12.0, 3.0]},
    )
    maps = render_stacks(dataset, LABELS)
    images = maps.mean(1, keepdim=True).numpy() + 0.05 * rng.normal(size=(samples, 6, 32, 32))
    dataset["frequency_shift"] = (("sample", "height", "y", "x"), images.astype(np.float16))
    for variable in dataset.data_vars.values():
        variable.attrs["units"] = "1"
    return dataset


def run(data, folder, network=NETWORK, initial=None, **changes):
    train_stacks, validation = (Stacks(one, LABELS) for one in data)
    return train(train_stacks, validation, network, LABELS, TRAINING | changes, 5, folder, initial)
