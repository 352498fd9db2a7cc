"""Whole numbers that a user gives to a builder: counts and seeds."""

from numbers import Real

import numpy as np

from icescope.errors import InputError


def is_whole(number: float, least: int = 1) -> bool:
    """Whether a number, of whatever type, is whole and not below the least: 4 and 4.0 are, 2.5 and nan are not."""
    return isinstance(number, Real) and number >= least and float(number).is_integer()


def check_seed(seed: int, what: str) -> None:
    """Refuse a seed, of what is to be built, that NumPy does not take or that would not repeat.

    Raises
    ------
    InputError
        The seed is no integer of at least 0.
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"The seed of {what} must be a whole number of at least 0, not {seed!r}.")
