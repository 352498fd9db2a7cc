import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from water import layer

from icescope.afm.stacks import simulate_windows
from icescope.errors import InputError
from icescope.learning.robustness import (
    EFFECTS,
    break_point,
    break_points,
    lose_images,
    middle,
    robustness,
)
from icescope.maps.outputs import OUTPUTS

LABELS = {
    "disc_radius": {"O": 0.75, "H": 0.55},
    "pose_bound": 0.7,
    "threshold": 0.5,
    "matching_radius": {"O": 0.74, "H": 0.528, "Na": 0.74},  # of Na there is none
}
HEIGHTS = 4  # images that the network takes, of 8
CARD = {"network": {"output": "peaks", "heights": HEIGHTS}, "labels": LABELS}
AFM = {
    "pixels": 16,
    "heights": [11.4, 12.1],
    "height_step": 0.1,
    "height_origin": "mean_oxygen",
    "height_offset": -3.8,
    "amplitude": 1.0,
    "f0": 28700.0,
    "k0": 1800.0,
    "tip": {"element": "O", "charge": -0.05, "lateral_stiffness": 0.5, "radial_stiffness": 20.0, "length": 4.0},
}


class Copy(torch.nn.Module):
    """A network that is shown the heat maps themselves in the first two images, and gives them back."""

    def forward(self, images):
        low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
        heat = ((images - low) / (high - low))[:, :2].clamp(1e-4, 1 - 1e-4)
        return torch.cat([heat.logit(), torch.zeros_like(heat)], 1)


def windows(samples, side):
    atoms = [layer(side, seed=seed, roughness=0.3) for seed in range(samples)]
    columns = {
        "position": (("atom", "xyz"), np.concatenate([one.positions for one in atoms]).astype(np.float32)),
        "number": ("atom", np.concatenate([one.numbers for one in atoms]).astype(np.uint8)),
        "charge": ("atom", np.concatenate([one.get_initial_charges() for one in atoms]).astype(np.float32)),
        "molecule": ("atom", np.concatenate([np.arange(len(one)) // 3 for one in atoms]).astype(np.int32)),
        "atom_count": ("sample", np.array([len(one) for one in atoms], np.int32)),
    }
    return xr.Dataset(columns, attrs={"window_size": [3.0 * side, 3.0 * side, 3.0]})


@pytest.fixture(scope="module")
def simulated():
    return simulate_windows(windows(2, 3), AFM)


@pytest.fixture(scope="module")
def shown():
    """Stacks of 8 images, of which the middle four are heat of O, heat of H, and two that nobody looks at."""
    store = windows(6, 5).assign(origin_height=("sample", np.zeros(6, np.float32)))
    store = store.assign_coords(x=np.arange(60.0), height=11.4 + 0.1 * np.arange(8))
    heat = OUTPUTS["peaks"].render_stacks(store, LABELS)[:, :2].numpy()
    images = np.random.default_rng(0).normal(size=(6, 8, 60, 60))
    images[:, 2:4] = heat
    return store.assign(frequency_shift=(("sample", "height", "y", "x"), images.astype(np.float16)))


@pytest.mark.parametrize("name", EFFECTS)
def test_strength_zero_changes_nothing_and_the_strongest_something(simulated, name):
    expected = middle(simulated, HEIGHTS).frequency_shift.values.astype(float)
    effect = EFFECTS[name]
    unchanged = effect.change(simulated, 0.0, HEIGHTS, AFM, 1)
    # Images are stored in half precision, of 11 bits.
    np.testing.assert_allclose(unchanged.frequency_shift, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(unchanged.height, simulated.height[2:6])
    for strength in (effect.strengths[0], effect.strengths[-1]):
        changed = effect.change(simulated, strength, HEIGHTS, AFM, 1).frequency_shift
        assert changed.shape == expected.shape and np.isfinite(changed).all()
        assert abs(changed - expected).max() > 0.01 * expected.std()


def test_lost_images_repeat_a_neighbour_and_more_of_them_include_the_fewer(simulated):
    kept = middle(simulated, HEIGHTS).frequency_shift.values
    lost = {}
    for share in (0.25, 0.5, 1.0):
        images = lose_images(simulated, share, HEIGHTS, AFM, 3).frequency_shift.values
        same = (kept[:, :, None] == images[:, None]).all((-2, -1))  # (sample, image before, image after)
        assert (same.sum(1) == 1).all()
        lost[share] = ~np.diagonal(same, axis1=1, axis2=2)
    assert [lost[share].sum(1).tolist() for share in lost] == [[1, 1], [2, 2], [3, 3]]  # one is always left
    assert (lost[0.25] <= lost[0.5]).all() and (lost[0.5] <= lost[1.0]).all()


def test_a_network_that_copies_loses_atoms_as_noise_grows(shown, caplog):
    curves = robustness(Copy(), CARD, shown, AFM, 1, {"white noise": EFFECTS["white noise"]})
    assert curves.index.names == ["effect", "strength", "decoding", "what"]
    for _, curve in curves.groupby(["decoding", "what"]):
        assert (np.diff(curve.accuracy) < 0.02).all()  # up to a few of 300 atoms
    curves = curves[curves.index.get_level_values("what") != "hydrogen bond"]  # heights of this network are nothing
    peaks = curves.xs("peaks", level="decoding")
    clean, noisy = (peaks.xs(strength, level="strength").accuracy.values for strength in (0.0, 1.6))
    assert (clean > 0.8).all() and (noisy < 0.5 * clean).all()
    # The network neither sees nor loses more than these.
    assert (peaks.true_positive + peaks.false_negative).groupby("what").nunique().tolist() == [1, 1, 1]
    # This network takes noise for atoms, so many that the ice rules are left out.
    assert set(curves.xs("ice rules", level="decoding").index.get_level_values("strength")) == {0.0}
    assert "ice rules are left out" in caplog.text
    breaks = break_points(curves).xs("peaks", level="decoding")
    assert breaks.breaks_above.between(0.1, 1.6).all() and breaks.breaks_below.isna().all()
    np.testing.assert_allclose(breaks.clean, clean)


def test_ice_rules_that_have_no_start_have_no_curve(shown):
    """Images so noisy that they are crowded, and no more so when they are blurred."""
    images = shown.frequency_shift.astype(np.float32)
    noisy = shown.assign(frequency_shift=images + np.random.default_rng(1).normal(0, 2 * images.std(), images.shape))
    blur = EFFECTS["blur"]._replace(strengths=(1.5, 4.0))
    curves = robustness(Copy(), CARD, noisy, AFM, 1, {"blur": blur})
    assert curves.index.unique("decoding").tolist() == ["peaks"]
    breaks = break_points(curves)
    assert (breaks.lowest == 0).all() and (breaks.highest == 4).all()


def test_what_the_stacks_do_not_allow_is_left_out_and_logged(shown, caplog):
    narrow = shown.isel(height=slice(1, 6))  # five images: none beside the four
    curves = robustness(Copy(), CARD, narrow, AFM, 1, {"slope": EFFECTS["slope"]})
    assert set(curves.index.get_level_values("strength")) == {0.0}
    assert "slope of 0.04 Å/Å is left out: height offset and slope lead" in caplog.text
    with pytest.raises(InputError, match="a stack has 3 images, but the network takes 4"):
        robustness(Copy(), CARD, shown.isel(height=slice(0, 3)), AFM, 1)


def test_break_point_by_hand():
    strength, value = np.array([0.0, 1, 2, 4]), np.array([0.8, 0.6, 0.5, 0.1])
    assert break_point(strength, value) == pytest.approx(2.5)  # 0.4 lies a quarter of the way from 0.5 to 0.1
    assert np.isnan(break_point(strength[:3], value[:3]))
    assert np.isnan(break_point(strength, 0 * value)) and np.isnan(break_point(strength, np.nan * value))


def test_break_points_on_both_sides_of_zero():
    index = pd.MultiIndex.from_product(
        [["tip higher"], [-2.0, -1.0, 0.0, 1.0], ["peaks"], ["O"]], names=["effect", "strength", "decoding", "what"]
    )
    curves = pd.DataFrame({"accuracy": [0.1, 0.7, 0.8, 0.6], "unit": "Å"}, index=index)
    one = break_points(curves).loc[("tip higher", "peaks", "O")]
    assert one.breaks_below == pytest.approx(-1.5) and np.isnan(one.breaks_above) and one.clean == 0.8
