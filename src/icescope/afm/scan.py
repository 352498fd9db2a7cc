"""The positions of the tip."""

from dataclasses import dataclass

import numpy as np

from icescope.errors import InputError


@dataclass(frozen=True)
class Scan:
    """Positions of the tip's anchor: x, y and tip_height, 1-D ascending arrays in A, in the structure's frame."""

    x: np.ndarray
    y: np.ndarray
    tip_height: np.ndarray

    def __post_init__(self):
        for name in ("x", "y", "tip_height"):
            values = np.asarray(getattr(self, name), float)
            if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
                raise InputError(f"the scan's {name} must be a 1-D array of finite numbers in A.")
            if (np.diff(values) <= 0).any():
                raise InputError(f"the scan's {name} must be ascending.")
            object.__setattr__(self, name, values)

    @property
    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest x and y, A."""
        return np.array([self.x[0], self.y[0]]), np.array([self.x[-1], self.y[-1]])
