import numpy as np
import xarray as xr

from icescope.structures.samples import pick_samples, take_samples


def test_picked_samples_bring_their_atoms_in_their_order():
    count = np.array([2, 0, 3, 1])
    store = xr.Dataset({"atom_count": ("sample", count), "number": ("atom", np.arange(6))})
    picked = pick_samples(store, [3, 0, 1])
    assert picked.atom_count.values.tolist() == [1, 2, 0]
    assert picked.number.values.tolist() == [5, 0, 1]
    assert pick_samples(store, [1, 2]).identical(take_samples(store, 1, 3))
