"""How far molecules move along a surface."""

import numpy as np


def paths(positions: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Paths (frame, n, 2) along x and y, A, through periodic boundaries, without the motion of all molecules together.

    Parameters
    ----------
    positions
        (frame, n, 3), A, wrapped or not; no molecule moves by half an edge from frame to frame.
    edges
        (2,) of the cell along x and y, A.
    """
    steps = np.diff(positions[..., :2], axis=0)
    steps -= edges * np.round(steps / edges)
    along = np.concatenate([positions[:1, :, :2], positions[0, :, :2] + np.cumsum(steps, axis=0)])
    return along - along.mean(axis=1, keepdims=True)


def mean_square_displacement(along: np.ndarray) -> np.ndarray:
    """Over all molecules and origins, A^2, at lags of 0, 1, ... frames, up to half of the frames.

    Parameters
    ----------
    along
        (frame, n, 2) from `paths`.
    """
    lags = range(len(along) // 2 + 1)
    return np.array([((along[lag:] - along[: len(along) - lag]) ** 2).sum(-1).mean() for lag in lags])


def diffusion_coefficient(msd: np.ndarray, interval: float) -> float:
    """A^2/ps: a quarter of the slope of the mean-square displacement in a plane, over the longer half of its lags.

    Parameters
    ----------
    msd
        (lags,) from `mean_square_displacement`; that of a cage has no slope there, whatever its size.
    interval
        Between frames, ps.
    """
    lags = np.arange(len(msd) // 2, len(msd))
    slope, _ = np.polyfit(lags * interval, msd[lags], 1)
    return float(slope / 4)
