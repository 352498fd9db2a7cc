"""Atoms out of an a-vdW map."""

import numpy as np
from ase import Atoms
from numba import njit
from torch import Tensor

from icescope.maps.avdw import BACKGROUND, KINDS
from icescope.md.force_field import OH_BOND

CANDIDATE = 0.5  # of the threshold: what a pixel's centre must reach before the place is refined
RIM = 0.5  # pixels at the edge of a disc, mixed with what is around it, that its confidence is not judged by
LEAST_VISIBLE = 0.35  # of a disc; the rest may be hidden by discs above it


def locate(colour_maps: Tensor, pixel_size: float, labels: dict) -> list[Atoms]:
    """Atoms of each map: the discs that explain it, one after the other, the most certain first.

    The confidence in a disc is 1 - <|map - colour|^2> / c^2, the mean taken over that part of the disc that no disc
    found before explains; c is the least distance of any colour from the background's. It is 1 for a disc that is
    there, and at most 0 on an empty map; it is not a probability. Since the uppermost disc is the only one whole, it
    is found first, and a disc below is judged by what shows of it. Places are refined to an eighth of a pixel.

    Parameters
    ----------
    colour_maps
        (n, 3, y, x), row 0 at the lowest y.
    pixel_size
        A.
    labels
        The configuration's block of that name: disc_radius (A) and threshold of the confidence.

    Returns
    -------
    One `Atoms` a map with arrays "confidence" and "pose". x and y from the map's lower left corner, A. A map
    has no absolute height: z counts from the nearest oxygen, and follows from the pose and the O-H length.
    """
    rows, columns = colour_maps.shape[-2:]
    kinds = [kind for kind in KINDS if kind.symbol in labels["disc_radius"]]
    hue = np.array(BACKGROUND) - np.array([kind.colour for kind in kinds])
    radius = np.array([labels["disc_radius"][kind.symbol] for kind in kinds]) / pixel_size
    structures = []
    for colour_map in colour_maps.float().cpu().numpy():
        ink = (np.array(BACKGROUND)[:, None, None] - colour_map).astype(np.float64)
        kind, place = _discs(ink, hue, radius, labels["threshold"])
        x, y, confidence = np.array(place, float).reshape(-1, 3).T
        symbols = [kinds[k].symbol for k in kind]
        pose = np.array([kinds[k].pose for k in kind], dtype="<U4")
        xy = np.stack([x, y], axis=1) * pixel_size
        z = _heights(xy, np.array(symbols), pose)
        atoms = Atoms(symbols, np.column_stack([xy, z]), cell=[columns * pixel_size, rows * pixel_size, 0])
        atoms.set_array("confidence", confidence)
        atoms.set_array("pose", pose)
        structures.append(atoms)
    return structures


@njit(cache=True)
def _discs(ink, hue, radius, threshold):
    """Kind, and place (x, y in pixels, confidence), of each disc: ink (3, y, x), hue (k, 3), radius (k,) in pixels."""
    kinds, (_, rows, columns) = len(radius), ink.shape
    faintest = (hue**2).sum(1).min()
    fit = np.empty((kinds, rows, columns))
    for k in range(kinds):
        off = (ink[0] - hue[k, 0]) ** 2 + (ink[1] - hue[k, 1]) ** 2 + (ink[2] - hue[k, 2]) ** 2
        fit[k] = 1 - off / faintest
    free = np.ones((rows, columns))
    score = np.empty((kinds, rows, columns))
    refused = np.zeros((kinds, rows, columns), dtype=np.bool_)
    _update(score, refused, fit, free, radius, 0, rows, 0, columns)
    reach = int(np.ceil(2 * radius.max())) + 2
    kind, place = [0][:0], [(0.0, 0.0, 0.0)][:0]
    while True:
        best = np.argmax(score)
        k, row, column = best // (rows * columns), best // columns % rows, best % columns
        if score[k, row, column] < CANDIDATE * threshold:
            return kind, place
        x, y = _refine(fit[k], free, radius[k], column + 0.5, row + 0.5)
        confidence = _score(fit[k], free, radius[k] - RIM, x, y)
        refused[k, row, column] = True
        score[k, row, column] = -1
        if confidence < threshold:
            continue
        kind.append(k)
        place.append((x, y, confidence))
        top, bottom = max(0, row - reach), min(rows, row + reach + 1)
        left, right = max(0, column - reach), min(columns, column + reach + 1)
        for i in range(top, bottom):
            for j in range(left, right):
                free[i, j] = min(free[i, j], 1 - _cover(j + 0.5 - x, i + 0.5 - y, radius[k]))
        refused[:, top:bottom, left:right] = False
        refused[k, row, column] = True
        _update(score, refused, fit, free, radius, top, bottom, left, right)


@njit(cache=True)
def _cover(dx, dy, radius):
    """Share of a pixel that a disc covers, its centre dx, dy away."""
    return min(max(radius + 0.5 - np.sqrt(dx * dx + dy * dy), 0.0), 1.0)


@njit(cache=True)
def _score(fit, free, radius, x, y):
    """Mean fit over the free part of a disc at x, y; -1 where too little of it is free or on the map."""
    rows, columns = free.shape
    total, area, whole = 0.0, 0.0, 0.0
    for i in range(int(np.floor(y - radius - 0.5)), int(np.ceil(y + radius + 0.5))):
        for j in range(int(np.floor(x - radius - 0.5)), int(np.ceil(x + radius + 0.5))):
            cover = _cover(j + 0.5 - x, i + 0.5 - y, radius)
            whole += cover
            if 0 <= i < rows and 0 <= j < columns:
                area += cover * free[i, j]
                total += cover * free[i, j] * fit[i, j]
    return total / area if area > LEAST_VISIBLE * whole else -1.0


@njit(cache=True)
def _update(score, refused, fit, free, radius, top, bottom, left, right):
    for k in range(len(radius)):
        for i in range(top, bottom):
            for j in range(left, right):
                if not refused[k, i, j]:
                    score[k, i, j] = _score(fit[k], free, radius[k] - RIM, j + 0.5, i + 0.5)


@njit(cache=True)
def _refine(fit, free, radius, x, y):
    """The place around a pixel's centre at which the whole disc fits best, by halves, quarters, eighths of a pixel."""
    best = _score(fit, free, radius, x, y)
    for step in (0.5, 0.25, 0.125):
        at_x, at_y = x, y
        for dx in (-step, 0.0, step):
            for dy in (-step, 0.0, step):
                trial = _score(fit, free, radius, at_x + dx, at_y + dy)
                if trial > best:
                    x, y, best = at_x + dx, at_y + dy, trial
    return x, y


def _heights(xy: np.ndarray, symbols: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Height of each hydrogen over its nearest oxygen, from the pose and the O-H length; 0 for other atoms."""
    z = np.zeros(len(xy))
    oxygen = xy[symbols == "O"]
    for sign, name in ((1, "up"), (-1, "down")):
        of_pose = pose == name
        if of_pose.any() and len(oxygen):
            lateral = np.linalg.norm(xy[of_pose, None] - oxygen[None], axis=-1).min(1)
            z[of_pose] = sign * np.sqrt(np.clip(OH_BOND**2 - lateral**2, 0, None))
    return z
