import numpy as np
import pytest
import xarray as xr
from water import layer

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55}, "pose_bound": 0.7}


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
