"""An instrument's wrong heights, drift, blur and lost lines do what their formulas say, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from icescope.afm.instrument import (
    Instrument,
    add_drift,
    add_height_error,
    blur,
    lose_lines,
    measure,
    to_grey,
)
from icescope.errors import InputError

PIXEL, STEP = 0.4, 0.1  # A
ALL = Instrument(
    height_offset=0.05,
    slope=(0.002, -0.001),
    drift_step=0.05,
    drift_velocity=(0.05, 0.02),
    blur=0.3,
    noise=0.05,
    coloured_noise=0.05,
    hum=0.03,
    line_offsets=0.02,
    glitches=0.5,
    missing_lines=0.02,
)


@pytest.fixture
def images():
    """Smooth waves (height, y, x) of different contrast; 32 pixels long."""
    y, x = np.mgrid[:64, :64] * 2 * np.pi / 32
    return np.stack([scale * np.sin(x) * np.cos(y) for scale in (1.0, 5.0, 20.0)]).astype(np.float32)


@pytest.fixture
def grid():
    """Heights, y and x (A, from the middle of the image) of a stack of 12 images of 20 x 30 pixels."""
    z = STEP * np.arange(12)[:, None, None]
    y = PIXEL * (np.arange(20) - 9.5)[:, None]
    x = PIXEL * (np.arange(30) - 14.5)
    return z, y, x


def decaying(z, y, x):
    """Waves that decay with the height within 0.5 A."""
    return np.exp(-z / 0.5) * np.sin(x) * np.cos(y)


def test_slope_on_a_stack_linear_in_height_adds_a_plane(grid):
    z, y, x = grid
    images = 3.0 * z + np.sin(x) * np.cos(y)
    tilted = add_height_error(images, STEP, PIXEL, slope=(0.02, -0.03), margin=3)
    expected = images[3:-3] + 3.0 * (0.02 * x - 0.03 * y)
    np.testing.assert_allclose(tilted, expected, atol=1e-6)  # splines are exact for lines: float32 rounding


@pytest.mark.parametrize("offset", [0.137, -0.2])
def test_height_offset_and_slope_show_the_stack_from_the_true_heights(grid, offset):
    z, y, x = grid
    moved = add_height_error(decaying(*grid), STEP, PIXEL, offset, slope=(0.004, 0.008), margin=4)
    true_height = z[4:-4] + offset + 0.004 * x + 0.008 * y
    # A cubic spline errs by 5/384 h^4 x the fourth derivative, 2e-5, and more in the outermost intervals.
    np.testing.assert_allclose(moved, decaying(true_height, y, x), atol=1e-4)


def test_an_offset_of_a_whole_step_is_the_next_image(grid):
    images = decaying(*grid)
    np.testing.assert_allclose(add_height_error(images, STEP, PIXEL, offset=STEP, margin=1), images[2:], atol=1e-6)


def test_a_height_error_beyond_the_margin_is_refused(grid):
    images = decaying(*grid)
    with pytest.raises(InputError, match=r"lead 0.25 A .* margin of 3 images"):
        add_height_error(images, STEP, PIXEL, offset=-0.25, margin=2)
    assert len(add_height_error(images, STEP, PIXEL, offset=-0.3, margin=3)) == 6
    with pytest.raises(InputError, match="leaves no images"):
        add_height_error(images, STEP, PIXEL, margin=6)


def test_drift_is_reported_and_can_be_undone(images):
    drifted, displacements = add_drift(images, 0.5, PIXEL, np.random.default_rng(3))
    np.testing.assert_array_equal(displacements[0], 0)
    np.testing.assert_array_equal(drifted[0], images[0])
    y, x = np.mgrid[:64, :64] * 2 * np.pi / 32
    for image, (dx, dy), scale in zip(drifted, displacements, (1.0, 5.0, 20.0), strict=True):
        moved = scale * np.sin(x - dx / PIXEL * 2 * np.pi / 32) * np.cos(y - dy / PIXEL * 2 * np.pi / 32)
        # Splines on 32 pixels a wave err by 1e-5; the border, repeated, is left out.
        np.testing.assert_allclose(image[8:-8, 8:-8], moved[8:-8, 8:-8], atol=1e-4 * scale)


def test_drift_steps_have_the_stated_root_mean_square():
    _, displacements = add_drift(np.zeros((400, 4, 4)), 0.2, 0.4, np.random.default_rng(0))
    # 798 numbers know their root mean square to 2.5 %.
    assert np.sqrt(np.mean(np.diff(displacements, axis=0) ** 2)) == pytest.approx(0.2, rel=0.1)


def test_steady_drift_goes_on_from_line_to_line_and_from_image_to_image():
    velocity, rows, columns, wave = (1.6, 0.8), 64, 64, 12.8  # A an image; A
    y, x = np.mgrid[:rows, :columns] * PIXEL

    def structure(y, x):
        return np.sin(2 * np.pi * x / wave) + np.cos(2 * np.pi * y / wave)

    drifted, displacements = add_drift(np.stack([structure(y, x)] * 3), 0.0, PIXEL, np.random.default_rng(0), velocity)
    np.testing.assert_allclose(displacements, np.arange(3)[:, None] * velocity, atol=1e-12)
    pixel = np.arange(3 * rows * columns).reshape(3, rows, columns)
    time = (pixel + 0.5) / (rows * columns) - 0.5  # in images, from the middle of the first
    expected = structure(y - velocity[1] * time, x - velocity[0] * time)
    # What drifts in over the border is left out, 10 pixels after 2.5 images, and the splines' ripples beside it.
    np.testing.assert_allclose(drifted[:, 18:-18, 18:-18], expected[:, 18:-18, 18:-18], atol=2e-5)


@pytest.mark.parametrize("length", [4.0, 8.0])
def test_blur_damps_a_wave_as_a_gaussian_does(length):
    width = 0.6
    x = PIXEL * (np.arange(80) + 0.5)
    image = np.tile(np.cos(2 * np.pi * x / length), (1, 80, 1))  # even about the borders, where images are mirrored
    kept = np.exp(-2 * np.pi**2 * width**2 / length**2)
    # The kernel ends at four standard deviations, beyond which lie 6e-5 of a Gaussian.
    np.testing.assert_allclose(blur(image, width, PIXEL), kept * image, atol=3e-4)


def test_blur_keeps_the_mean():
    images = np.random.default_rng(0).random((2, 30, 40)).astype(np.float32)
    np.testing.assert_allclose(blur(images, 1.0, PIXEL).mean(axis=(1, 2)), images.mean(axis=(1, 2)), rtol=1e-5)


def test_a_lost_line_repeats_the_line_before():
    number = np.arange(200.0)
    lines = lose_lines(np.broadcast_to(number[:, None], (40, 200, 3)), 0.1, np.random.default_rng(0))[:, :, 0]
    lost = lines != number
    assert lost.mean() == pytest.approx(0.1, abs=0.02)  # 8000 lines: a standard error of 0.003
    first = np.argmin(lost, axis=1)  # line that is not lost
    assert first.any()
    expected = np.maximum.accumulate(np.where(lost, first[:, None], number), axis=1)
    np.testing.assert_array_equal(lines, expected)


def test_where_all_lines_are_lost_the_first_repeats():
    images = np.broadcast_to(np.arange(9.0)[:, None], (4, 9, 3))
    assert not lose_lines(images, 1.0, np.random.default_rng(0)).any()


def test_nothing_asked_for_changes_nothing(images):
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(add_height_error(images, STEP, PIXEL), images)
    np.testing.assert_array_equal(add_height_error(images, STEP, PIXEL, margin=1), images[1:-1])
    np.testing.assert_array_equal(add_drift(images, 0.0, PIXEL, rng)[0], images)
    np.testing.assert_array_equal(blur(images, 0.0, PIXEL), images)
    np.testing.assert_array_equal(lose_lines(images, 0.0, rng), images)
    np.testing.assert_array_equal(measure(images, Instrument(), PIXEL, STEP, rng), images)


def test_the_seed_repeats_the_measurement_and_the_images_given_stay(images):
    before = images.copy()
    one, same, other = (measure(images, ALL, PIXEL, STEP, np.random.default_rng(seed), margin=1) for seed in (7, 7, 8))
    assert one.shape == (1, 64, 64) and one.dtype == np.float32
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(
    ("name", "value"), [("noise", 0.1), ("coloured_noise", 0.1), ("hum", 0.1), ("line_offsets", 0.1), ("glitches", 0.9)]
)
def test_one_noise_leaves_the_pattern_of_the_others(images, name, value):
    def added(instrument):
        return measure(images, instrument, PIXEL, STEP, np.random.default_rng(4)) - images

    others = Instrument(noise=0.05, coloured_noise=0.05, hum=0.05, line_offsets=0.05, glitches=0.5)
    others = replace(others, **{name: 0.0})
    alone = Instrument(**{name: value})
    both = replace(others, **{name: value})
    np.testing.assert_allclose(added(both), added(others) + added(alone), atol=1e-5)  # float32 of values up to 40


def test_glitches_leave_the_lines_that_are_lost(images):
    # A glitch without strength draws random numbers and shows nothing.
    without, with_glitches = (
        Instrument(missing_lines=0.2),
        Instrument(missing_lines=0.2, glitches=1.0, glitch_strength=0),
    )
    one, other = (measure(images, tool, PIXEL, STEP, np.random.default_rng(4)) for tool in (without, with_glitches))
    np.testing.assert_array_equal(one, other)


def test_every_field_of_an_instrument_has_an_effect(grid):
    def measured(instrument):
        return measure(decaying(*grid), instrument, PIXEL, STEP, np.random.default_rng(1), margin=1)

    whole = measured(ALL)
    for name, value in vars(ALL).items():
        changed = tuple(v + 1e-3 for v in value) if isinstance(value, tuple) else 0.5 * value
        assert not np.array_equal(measured(replace(ALL, **{name: changed})), whole), name


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("blur", -0.1, "blur is -0.1; it must be zero or positive"),
        ("drift_step", np.nan, "zero or positive"),
        ("coloured_noise", "much", "zero or positive"),
        ("height_offset", np.inf, "finite"),
        ("pixel_time", 0.0, "positive"),
        ("glitches", 1.5, "between 0 and 1"),
        ("missing_lines", np.nan, "between 0 and 1"),
        ("slope", 0.1, "two numbers"),
        ("slope", (0.1, np.nan), "slope along y is nan"),
        ("drift_velocity", (0.1, 0.2, 0.3), "two numbers"),
    ],
)
def test_an_impossible_instrument_is_refused(name, value, wanted):
    with pytest.raises(InputError, match=wanted):
        Instrument(**{name: value})


def test_bad_strengths_are_refused_by_each_function(images):
    rng = np.random.default_rng(0)
    for call in (
        lambda: add_drift(images, -0.1, PIXEL, rng),
        lambda: add_drift(images, 0.1, 0.0, rng),
        lambda: blur(images, np.nan, PIXEL),
        lambda: lose_lines(images, 1.1, rng),
        lambda: add_height_error(images, STEP, PIXEL, offset=np.nan),
        lambda: add_height_error(images, -STEP, PIXEL),
    ):
        with pytest.raises(InputError):
            call()


def test_an_instrument_from_a_file_equals_one_from_code():
    assert Instrument(**{"slope": [0.01, 0], "noise": 0.05}) == Instrument(slope=(0.01, 0.0), noise=0.05)


def test_grey_levels_span_the_range_of_each_image(images):
    grey = to_grey(images)
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey.min(axis=(1, 2)), 0)
    np.testing.assert_array_equal(grey.max(axis=(1, 2)), 255)
    assert not to_grey(np.ones((1, 4, 4))).any()
