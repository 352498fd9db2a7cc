import numpy as np
import pytest
import xarray as xr
from water import layer

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55, "Na": 1.4, "K": 1.5}, "pose_bound": 0.7}
PIXELS = 24


@pytest.fixture
def labels():
    return LABELS


@pytest.fixture
def windows_of():
    """Makes a "windows" store of one layer of water for each number of molecules."""

    def make(molecules: list[int], seed: int = 0) -> xr.Dataset:
        atoms = [layer(4, seed=seed + i)[: 3 * n] for i, n in enumerate(molecules)]
        columns = {
            "position": (("atom", "xyz"), np.concatenate([one.positions for one in atoms]).astype(np.float32)),
            "number": ("atom", np.concatenate([one.numbers for one in atoms]).astype(np.uint8)),
            "molecule": ("atom", np.concatenate([np.arange(len(one)) // 3 for one in atoms]).astype(np.int32)),
            "atom_count": ("sample", 3 * np.array(molecules, np.int32)),
            "origin": (("sample", "xyz"), np.full((len(molecules), 3), 3.1, np.float32)),
        }
        return xr.Dataset(columns, attrs={"window_size": [12.0, 12.0, 3.0], "film": "Au_c10_T200"})

    return make


@pytest.fixture
def hydrates_of():
    """Makes stacks of hydrates, an ion and waters around it in a window of 24 A, with random images, and predictions.

    `losses` are those of the predictions, one for each hydrate; `waters` go with them.
    """

    def make(ion: int, waters: list[int], losses: list[float]) -> tuple[xr.Dataset, xr.Dataset]:
        rng = np.random.default_rng(ion)
        atoms = [np.concatenate([[[12.0, 12.0, 0.0]], layer(4, seed=n).positions[: 3 * n] + 6]) for n in waters]
        columns = {
            "position": (("atom", "xyz"), np.concatenate(atoms).astype(np.float32)),
            "number": ("atom", np.concatenate([[ion, *[8, 1, 1] * n] for n in waters]).astype(np.uint8)),
            "charge": ("atom", np.zeros(sum(map(len, atoms)), np.float32)),
            "molecule": ("atom", np.concatenate([(np.arange(len(one)) + 2) // 3 for one in atoms]).astype(np.int32)),
            "atom_count": ("sample", np.array([len(one) for one in atoms], np.int32)),
            "frequency_shift": (("sample", "height", "y", "x"), rng.normal(size=(len(atoms), 5, PIXELS, PIXELS))),
        }
        coords = {"x": np.arange(PIXELS), "height": [11.4, 11.9, 12.4, 12.9, 13.4]}
        stacks = xr.Dataset(columns, coords, {"window_size": [24.0, 24.0, 3.0]})
        maps = rng.uniform(size=(len(atoms), 3, PIXELS, PIXELS)).astype(np.float16)
        found = {"predicted_map": (("sample", "channel", "y", "x"), maps), "loss": ("sample", np.float32(losses))}
        return stacks, xr.Dataset(found, attrs={"output": "avdw"})

    return make
