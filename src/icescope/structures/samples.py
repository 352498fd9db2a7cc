"""Samples of stores in which the atoms of all structures stand one after another, `atom_count` for each sample."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from ase import Atoms


def atoms_of(dataset: xr.Dataset, sample: int) -> Atoms:
    """Atoms of one sample of a "windows" dataset, margin included, with charges; not periodic, cell = window."""
    one = take_samples(dataset, sample, sample + 1)
    return Atoms(
        numbers=one["number"].values,
        positions=one["position"].values,
        charges=one["charge"].values,
        cell=dataset.attrs["window_size"],
        pbc=False,
    )


def in_window(positions: np.ndarray, size: Sequence[float]) -> np.ndarray:
    """Which positions (n, 2 or 3), A from the lower left corner, have x and y in a window of this size, (n,)."""
    return ((positions[:, :2] >= 0) & (positions[:, :2] < np.asarray(size)[:2])).all(1)


def take_samples(dataset: xr.Dataset, first: int, last: int) -> xr.Dataset:
    """Samples first to last - 1 of a dataset of ragged atoms, with their atoms."""
    ends = np.concatenate([[0], np.cumsum(dataset["atom_count"].values)])
    last = min(last, len(ends) - 1)
    return dataset.isel(sample=slice(first, last), atom=slice(ends[first], ends[last]))


def pick_samples(dataset: xr.Dataset, samples: Sequence[int]) -> xr.Dataset:
    """The named samples of a dataset of ragged atoms, in their order, with their atoms."""
    ends = np.concatenate([[0], np.cumsum(dataset["atom_count"].values)])
    atom = np.concatenate([np.arange(ends[one], ends[one + 1]) for one in samples])
    return dataset.isel(sample=np.asarray(samples), atom=atom)
