"""What is added to a clean stack: the stated amount and spectrum, repeatable from the seed, and no more."""

import numpy as np
import pytest
from scipy.signal import welch

from icescope.afm.noise import (
    add_coloured_noise,
    add_glitches,
    add_hum,
    add_line_offsets,
    add_noise,
    contrast,
)
from icescope.errors import InputError

EFFECTS = {
    "white": add_noise,
    "coloured": add_coloured_noise,
    "hum": add_hum,
    "line offsets": add_line_offsets,
    "glitches": lambda images, strength, rng: add_glitches(images, 1.0, strength, rng),
}


@pytest.fixture
def images():
    """Smooth waves (height, y, x) of different contrast."""
    y, x = np.mgrid[:64, :64] * 2 * np.pi / 32
    return np.stack([scale * np.sin(x) * np.cos(y) for scale in (1.0, 5.0, 20.0)]).astype(np.float32)


@pytest.fixture
def alike():
    """Many images (height, y, x) of one contrast, so that the noise has one scale in time."""
    return np.tile(np.sin(np.arange(64) * 2 * np.pi / 16), (8, 64, 1)).astype(np.float32)


def test_noise_is_the_stated_fraction_of_each_images_contrast(images):
    # 4096 pixels know their standard deviation to 1.1 %.
    noise = add_noise(images, 0.05, np.random.default_rng(0)) - images
    np.testing.assert_allclose(noise.std(axis=(1, 2)) / contrast(images), 0.05, rtol=0.05)


def test_noise_is_white(images):
    noise = add_noise(images, 0.05, np.random.default_rng(0))[0] - images[0]
    correlation = [np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]]
    correlation.append(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1])
    assert np.abs(correlation).max() < 0.05  # three standard errors of 4032 pairs


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_has_the_stated_exponent_in_time(alike, exponent):
    # In the order of recording: the fast scan first, then lines, then images.
    noise = (add_coloured_noise(alike, 0.1, np.random.default_rng(1), exponent) - alike).ravel()
    frequency, power = welch(noise, window="hann", nperseg=4096)
    # Below: the window mixes neighbouring frequencies. Above: float32 rounding shows under the steepest spectrum.
    inner = (frequency > 0.002) & (frequency < 0.2)
    slope = np.polyfit(np.log(frequency[inner]), np.log(power[inner]), 1)[0]
    # 15 windows leave each of 800 powers 26 % of scatter; evenly spaced frequencies weigh the fast end, where
    # log frequency has a spread of 0.9: 0.26 / (0.9 sqrt(800)) = 0.01.
    assert slope == pytest.approx(-exponent, abs=0.05)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_is_the_stated_fraction_of_the_contrast(alike, exponent):
    noise = add_coloured_noise(alike, 0.1, np.random.default_rng(1), exponent) - alike
    # Normalised as drawn: only float32 rounding is left.
    assert np.sqrt(np.mean(contrast(noise) ** 2)) == pytest.approx(0.1 * contrast(alike)[0], rel=1e-4)


def test_coloured_noise_shows_as_bands_along_the_fast_scan(alike):
    noise = add_coloured_noise(alike, 0.1, np.random.default_rng(1)) - alike
    assert noise.mean(axis=2).std() > 2 * noise.mean(axis=1).std()


def test_coloured_noise_does_not_return_to_its_beginning(alike):
    ends = [
        (add_coloured_noise(alike, 0.1, np.random.default_rng(seed), 2.0) - alike).ravel()[[0, -1]] for seed in range(8)
    ]
    assert np.sqrt(np.mean(np.diff(ends) ** 2)) > 0.1 * contrast(alike)[0]


def test_hum_has_the_stated_frequency_and_amplitude(alike):
    hum = (add_hum(alike, 0.1, np.random.default_rng(0), frequency=17.0, pixel_time=0.01) - alike).ravel()
    power = np.abs(np.fft.rfft(hum)) ** 2
    assert np.fft.rfftfreq(hum.size, 0.01)[np.argmax(power)] == pytest.approx(17.0, abs=1 / (0.01 * hum.size))
    # The series is not a whole number of periods, which shifts its mean square by less than 1 / hum.size / 0.17.
    assert np.sqrt(np.mean(hum**2)) == pytest.approx(0.1 * contrast(alike)[0], rel=1e-3)


def test_hum_above_half_the_pixel_rate_shows_at_its_alias(alike):
    hum = (add_hum(alike, 0.1, np.random.default_rng(0), frequency=70.0, pixel_time=0.01) - alike).ravel()
    power = np.abs(np.fft.rfft(hum)) ** 2
    assert np.fft.rfftfreq(hum.size, 0.01)[np.argmax(power)] == pytest.approx(30.0, abs=1 / (0.01 * hum.size))


def test_line_offsets_are_constant_along_a_line_and_independent_between_lines(alike):
    offsets = add_line_offsets(alike, 0.1, np.random.default_rng(0)) - alike
    np.testing.assert_allclose(offsets, np.broadcast_to(offsets[:, :, :1], offsets.shape), atol=1e-6)
    lines = offsets[:, :, 0]
    # 512 lines know their standard deviation to 3 %, and their correlation to 0.045.
    assert lines.std() == pytest.approx(0.1 * contrast(alike)[0], rel=0.1)
    assert abs(np.corrcoef(lines[:, 1:].ravel(), lines[:, :-1].ravel())[0, 1]) < 0.14


def test_a_glitch_disturbs_one_line_by_at_most_the_stated_strength(images):
    change = add_glitches(images, 1.0, 1.5, np.random.default_rng(5)) - images
    rows = np.abs(change).max(axis=2) > 0
    np.testing.assert_array_equal(rows.sum(axis=1), 1)
    assert (np.abs(change).max(axis=(1, 2)) <= 1.5 * contrast(images) * 1.0001).all()


def test_a_glitch_decays_along_the_fast_scan(images):
    change = np.abs(add_glitches(images, 1.0, 1.5, np.random.default_rng(5)) - images)
    for image in change:
        line = image[np.argmax(image.max(axis=1))]
        tail = line[np.argmax(line) :]
        assert (np.diff(tail) <= 1e-5).all() and not line[: np.argmax(line)].any()


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_nothing_asked_for_changes_nothing(images, effect):
    np.testing.assert_array_equal(effect(images, 0.0, np.random.default_rng(0)), images)


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_the_seed_repeats_the_result_and_the_images_given_stay(images, effect):
    before = images.copy()
    one, same, other = (effect(images, 0.1, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    assert one.dtype == np.float32 and not np.array_equal(one, other)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
@pytest.mark.parametrize("strength", [-0.1, np.nan, np.inf, None])
def test_a_bad_strength_is_refused(images, effect, strength):
    with pytest.raises(InputError, match="zero or positive"):
        effect(images, strength, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("effect", "options"),
    [
        (add_coloured_noise, {"fraction": 0.1, "exponent": -1.0}),
        (add_hum, {"fraction": 0.1, "frequency": 0.0}),
        (add_hum, {"fraction": 0.1, "pixel_time": -1.0}),
        (add_glitches, {"probability": 1.5, "strength": 1.0}),
    ],
)
def test_a_bad_option_is_refused(images, effect, options):
    with pytest.raises(InputError, match="it must be"):
        effect(images, **options, rng=np.random.default_rng(0))
