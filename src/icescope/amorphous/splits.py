"""Balanced sets of surroundings to train, validate and test on, at random or by whole trajectories."""

import numpy as np

from icescope.errors import InputError

PARTS = {"train": 0.6, "validation": 0.2, "test": 0.2}  # Shupletsova and Stegailov 2026, section II.C


def split_at_random(phase: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Molecules of all parts in proportion, as published: neighbours and later frames of one molecule may be in two.

    Parameters
    ----------
    phase
        (molecules,) number of each one's phase, from 0.

    Returns
    -------
    For each of PARTS indices of molecules, as many of each phase.

    Raises
    ------
    InputError
        A part would have none of a phase.
    """
    rng = np.random.default_rng(seed)
    return _balanced({one: _shares(np.flatnonzero(phase == one), rng) for one in np.unique(phase)}, rng)


def split_by_trajectory(phase: np.ndarray, trajectory: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Whole trajectories in each part, one at least of each phase; else as `split_at_random`.

    Parameters
    ----------
    trajectory
        (molecules,) name or number of the trajectory of each; it has one phase.

    Raises
    ------
    InputError
        A phase has fewer than three trajectories.
    """
    rng = np.random.default_rng(seed)
    parts = {}
    for one in np.unique(phase):
        names = np.unique(trajectory[phase == one])
        if len(names) < len(PARTS):
            raise InputError(
                f"phase {one} has {len(names)} independent trajectories; training, validation and test need one each."
            )
        shares = _shares(names, rng)
        parts[one] = {part: np.flatnonzero((phase == one) & np.isin(trajectory, shares[part])) for part in PARTS}
    return _balanced(parts, rng)


def _shares(members: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Members of each part at random, in the proportions of PARTS, one at least of the later ones."""
    members = rng.permutation(members)
    later = {part: max(1, round(share * len(members))) for part, share in PARTS.items() if part != "train"}
    ends = len(members) - np.cumsum(list(later.values()))[::-1]
    return dict(zip(PARTS, np.split(members, ends), strict=True))


def _balanced(parts: dict[int, dict[str, np.ndarray]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """As many of each phase in every part, as the rarest has."""
    balanced = {}
    for part in PARTS:
        fewest = min(len(shares[part]) for shares in parts.values())
        if not fewest:
            raise InputError(f"there are too few molecules of a phase for the {part} part; describe more of them.")
        balanced[part] = np.concatenate([rng.choice(shares[part], fewest, replace=False) for shares in parts.values()])
    return balanced
