"""How much an instrument may spoil a stack before a network no longer finds the atoms: accuracy along each effect."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from torch import nn

from icescope.afm.instrument import Instrument, measure
from icescope.afm.stacks import simulate_windows
from icescope.errors import InputError
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import predict_maps, true_atoms
from icescope.maps.molecule_scores import count_structures
from icescope.maps.scores import COUNTS, accuracy
from icescope.provenance import derive_seed

log = logging.getLogger(__name__)

DECODINGS = {"peaks": False, "ice rules": True}
# Candidate oxygens per A^2 in a window, three times those of water, above which the ice rules are left out: they would
# take ten seconds a window.
CROWD = 0.35
IMAGES = ("sample", "height", "y", "x")
# (stacks, strength, images that the network takes, the configuration's block "afm", seed) to stacks of so many images
Change = Callable[[xr.Dataset, float, int, dict, int], xr.Dataset]


class Effect(NamedTuple):
    """One effect: unit and values of its strength, which is nothing at 0, and what it does at one strength.

    `usual` is the largest strength in ordinary stacks as far as docs/instrument.md has one, else NaN.
    """

    unit: str
    strengths: tuple[float, ...]
    usual: float
    change: Change


def middle(stacks: xr.Dataset, heights: int, margin: bool = False) -> xr.Dataset:
    """So many neighbouring images from the middle of each stack; with the margin, as many more at either end."""
    beside = (stacks.sizes["height"] - heights) // 2
    return stacks.isel(height=slice(0, heights + 2 * beside) if margin else slice(beside, beside + heights))


def _measured(field: str, pair: bool = False, **others: float) -> Change:
    """Effect of `afm.instrument`, by its field."""

    def change(stacks: xr.Dataset, strength: float, heights: int, afm: dict, seed: int) -> xr.Dataset:
        instrument = Instrument(**{field: (strength, 0.0) if pair else strength}, **others)
        kept, pixel = middle(stacks, heights), stacks.attrs["window_size"][0] / stacks.sizes["x"]
        images = middle(stacks, heights, margin=True).frequency_shift.values.astype(np.float32)
        step = float(stacks.height[1] - stacks.height[0])
        margin = (images.shape[1] - heights) // 2
        measured = [
            measure(one, instrument, pixel, step, np.random.default_rng([seed, sample]), margin)
            for sample, one in enumerate(images)
        ]
        return kept.assign(frequency_shift=(IMAGES, np.stack(measured)))

    return change


def lose_images(stacks: xr.Dataset, share: float, heights: int, afm: dict, seed: int) -> xr.Dataset:
    """Lose a share of the images at random; each repeats the one recorded before it, the first ones the one after."""
    kept = middle(stacks, heights)
    order = np.random.default_rng(seed).random((kept.sizes["sample"], heights)).argsort(1).argsort(1)
    lost = order < min(round(share * heights), heights - 1)
    source = np.maximum.accumulate(np.where(lost, -1, np.arange(heights)), axis=1)
    source = np.where(source < 0, np.argmin(lost, axis=1)[:, None], source)
    images = np.take_along_axis(kept.frequency_shift.values, source[..., None, None], axis=1)
    return kept.assign(frequency_shift=(IMAGES, images))


def _simulated(changed: Callable[[dict, float], dict]) -> Change:
    """Images simulated anew, under a changed block "afm"."""

    def change(stacks: xr.Dataset, strength: float, heights: int, afm: dict, seed: int) -> xr.Dataset:
        kept = middle(stacks, heights)
        ends = [float(kept.height[0]), float(kept.height[-1])]
        return simulate_windows(kept.drop_vars("frequency_shift"), changed(afm | {"heights": ends}, strength))

    return change


def _lift(afm: dict, height: float) -> dict:
    return afm | {"height_offset": afm["height_offset"] + height}


def _stiffen(afm: dict, share: float) -> dict:
    tip = afm["tip"]
    return afm | {"tip": tip | {"lateral_stiffness": (1 + share) * tip["lateral_stiffness"]}}


def _tilt(afm: dict, aside: float) -> dict:
    return afm | {"tip": afm["tip"] | {"tilt": (aside, 0.0)}}


def _charge(afm: dict, charge: float) -> dict:
    return afm | {"tip": afm["tip"] | {"charge": afm["tip"]["charge"] + charge}}


NOISE = (0.1, 0.2, 0.4, 0.8, 1.6)
EFFECTS: dict[str, Effect] = {
    "white noise": Effect("of the contrast", NOISE, 0.08, _measured("noise")),
    "1/f noise": Effect("of the contrast", NOISE, np.nan, _measured("coloured_noise")),
    "hum of the mains": Effect("of the contrast", NOISE, np.nan, _measured("hum")),
    "line offsets": Effect("of the contrast", NOISE, 0.02, _measured("line_offsets")),
    "a glitch in every image": Effect("of the contrast", (1, 3, 10, 30), 1, _measured("glitch_strength", glitches=1.0)),
    "missing lines": Effect("share", (0.1, 0.2, 0.4, 0.6, 0.8), 0.02, _measured("missing_lines")),
    "missing images": Effect("share", (0.2, 0.4, 0.6, 0.8, 0.9), np.nan, lose_images),
    "drift in jumps": Effect("Å an image", (0.1, 0.2, 0.4, 0.8, 1.6), 0.05, _measured("drift_step")),
    "steady drift": Effect("Å an image", (0.05, 0.1, 0.2, 0.4, 0.8), np.nan, _measured("drift_velocity", pair=True)),
    "blur": Effect("Å", (0.25, 0.5, 0.75, 1, 1.5), 0.5, _measured("blur")),
    "slope": Effect("Å/Å", (0.005, 0.01, 0.02, 0.04), 0.01, _measured("slope", pair=True)),
    "tip higher": Effect("Å", (-0.5, -0.25, 0.25, 0.5, 1, 1.5), 0.3, _simulated(_lift)),
    "tip stiffer": Effect("of its stiffness", (-0.7, -0.4, 0.5, 1, 3), np.nan, _simulated(_stiffen)),
    "tip tilted": Effect("Å aside", (0.25, 0.5, 1, 1.5), np.nan, _simulated(_tilt)),
    "tip more positive": Effect("e", (-0.3, -0.15, 0.05, 0.15, 0.3), np.nan, _simulated(_charge)),
}


def robustness(
    network: nn.Module,
    card: dict,
    stacks: xr.Dataset,
    afm: dict,
    seed: int,
    effects: Mapping[str, Effect] = EFFECTS,
) -> pd.DataFrame:
    """Accuracy of what is there, on stacks that an effect has spoilt, along its strength: species, molecules, bonds.

    The network takes neighbouring images from the middle of each stack. The random pattern of an effect is the same at
    all strengths. Strengths that the stacks do not allow, such as a slope that leads out of them, are left out, with
    a line in the log; so are the ice rules where noise is taken for a crowd of atoms, and everywhere if that happens
    without an effect.

    Parameters
    ----------
    card
        Of the network's weights.
    stacks
        Dataset of kind "afm_stacks"; windows simulated anew need its charges.
    afm
        The configuration's block that the stacks were simulated with.
    seed
        Of the effects.

    Returns
    -------
    Rows by effect, strength (in order, 0 among them), decoding, and what is scored (a species, "molecule" or "hydrogen
    bond", see `maps.molecule_scores`); columns unit, usual, accuracy, the counts behind it, windows.

    Raises
    ------
    InputError
        The stacks hold fewer images than the network takes.
    """
    heights = card["network"]["heights"]
    if stacks.sizes["height"] < heights:
        raise InputError(f"a stack has {stacks.sizes['height']} images, but the network takes {heights}.")
    true = list(true_atoms(stacks, card["labels"]["pose_bound"]))
    clean = _accuracy(network, card, middle(stacks, heights), true, DECODINGS)
    decodings = [name for name in DECODINGS if name in clean.index.get_level_values("decoding")]
    tables = {}
    for name, effect in effects.items():
        log.info("robustness: %s", name)
        for strength in sorted([0.0, *effect.strengths]):
            try:
                spoilt = strength and effect.change(stacks, strength, heights, afm, derive_seed(seed, name))
            except InputError as error:
                log.warning("%s of %g %s is left out: %s", name, strength, effect.unit, error)
                continue
            found = _accuracy(network, card, spoilt, true, decodings) if strength else clean
            tables[name, strength] = found.assign(unit=effect.unit, usual=effect.usual, windows=len(true))
    return pd.concat(tables, names=["effect", "strength"])


def break_points(curves: pd.DataFrame) -> pd.DataFrame:
    """Strengths below and above zero at which accuracy has fallen by half, for each curve of `robustness`.

    Returns
    -------
    Rows by effect, decoding, what; columns unit, clean (accuracy at strength zero), lowest and highest (strengths of
    the curve), breaks_below, breaks_above, NaN where there is none between these.
    """
    rows = {}
    for key, curve in curves.groupby(["effect", "decoding", "what"], sort=False):
        strength, value = curve.index.get_level_values("strength").to_numpy(), curve.accuracy.to_numpy()
        below, above = np.flatnonzero(strength <= 0)[::-1], np.flatnonzero(strength >= 0)
        rows[key] = {
            "unit": curve.unit.iloc[0],
            "clean": value[above[0]],
            "lowest": strength[0],
            "highest": strength[-1],
            "breaks_below": -break_point(-strength[below], value[below]),
            "breaks_above": break_point(strength[above], value[above]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["effect", "decoding", "what"])


def break_point(strength: np.ndarray, value: np.ndarray) -> float:
    """Strength at which a value has fallen to half of what it is at the first one; NaN if it never does.

    Parameters
    ----------
    strength : (n,)
        Ascending from zero; between two of them the value is taken as a straight line.
    value : (n,)
    """
    half = value[0] / 2
    fallen = np.flatnonzero(value <= half)
    if not value[0] > 0 or not len(fallen):
        return float("nan")
    last = fallen[0]
    share = (value[last - 1] - half) / (value[last - 1] - value[last])
    return float(strength[last - 1] + share * (strength[last] - strength[last - 1]))


def _accuracy(
    network: nn.Module, card: dict, stacks: xr.Dataset, true: list[Atoms], decodings: Iterable[str]
) -> pd.DataFrame:
    """Rows by decoding, what: accuracy and counts of the predictions for stacks of as many images as are taken."""
    maps, _ = predict_maps(network, card, stacks, seed=0)  # no heights are left to draw
    size, radius = stacks.attrs["window_size"], card["labels"]["matching_radius"]
    found = candidates(maps, size[0] / stacks.sizes["x"], card)
    densest = max((one.numbers == 8).sum() for one in found) / (size[0] * size[1])
    tables = {}
    for name in decodings:
        rules = DECODINGS[name]
        if rules and densest > CROWD:
            log.warning("ice rules are left out: up to %.2f candidate oxygens per A^2", densest)
            continue
        decoded = decode(found, card, rules)
        sums = count_structures(decoded, true, size, radius, heights_known=False).sum()
        counts = sums.unstack("sum").loc[[*radius, "molecule", "hydrogen bond"], list(COUNTS)].astype(int)
        counts = counts[counts.true_positive + counts.false_negative > 0]
        tables[name] = counts.assign(accuracy=accuracy(counts))
    return pd.concat(tables, names=["decoding"])
