"""What is added to a clean stack: the stated amount, repeatable from the seed, and no more."""

import numpy as np
import pytest

from icescope.afm.instrument import add_drift, add_glitches, add_noise, contrast, to_grey


@pytest.fixture
def images():
    """Smooth waves (height, y, x) of different contrast."""
    y, x = np.mgrid[:64, :64] * 2 * np.pi / 32
    return np.stack([scale * np.sin(x) * np.cos(y) for scale in (1.0, 5.0, 20.0)]).astype(np.float32)


def test_noise_is_the_stated_fraction_of_each_images_contrast(images):
    noise = add_noise(images, 0.05, np.random.default_rng(0)) - images
    np.testing.assert_allclose(noise.std(axis=(1, 2)) / contrast(images), 0.05, rtol=0.05)


def test_noise_is_white(images):
    noise = add_noise(images, 0.05, np.random.default_rng(0))[0] - images[0]
    correlation = [np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]]
    correlation.append(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1])
    assert np.abs(correlation).max() < 0.05


def test_drift_is_reported_and_can_be_undone(images):
    drifted, displacements = add_drift(images, 0.5, 0.4, np.random.default_rng(3))
    np.testing.assert_array_equal(displacements[0], 0)
    np.testing.assert_allclose(drifted[0], images[0], atol=1e-5)
    y, x = np.mgrid[:64, :64] * 2 * np.pi / 32
    for image, (dx, dy), scale in zip(drifted, displacements, (1.0, 5.0, 20.0), strict=True):
        moved = scale * np.sin(x - dx / 0.4 * 2 * np.pi / 32) * np.cos(y - dy / 0.4 * 2 * np.pi / 32)
        np.testing.assert_allclose(image[8:-8, 8:-8], moved[8:-8, 8:-8], atol=0.01 * scale)


def test_drift_steps_have_the_stated_root_mean_square():
    _, displacements = add_drift(np.zeros((400, 4, 4)), 0.2, 0.4, np.random.default_rng(0))
    assert np.sqrt(np.mean(np.diff(displacements, axis=0) ** 2)) == pytest.approx(0.2, rel=0.1)


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


def test_nothing_asked_for_changes_nothing(images):
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(add_noise(images, 0.0, rng), images)
    np.testing.assert_array_equal(add_glitches(images, 0.0, 1.0, rng), images)
    np.testing.assert_allclose(add_drift(images, 0.0, 0.4, rng)[0], images, atol=1e-5)


def test_the_seed_repeats_the_result(images):
    def measured(seed):
        rng = np.random.default_rng(seed)
        return add_glitches(add_noise(add_drift(images, 0.1, 0.4, rng)[0], 0.05, rng), 0.5, 1.0, rng)

    np.testing.assert_array_equal(measured(7), measured(7))
    assert not np.array_equal(measured(7), measured(8))


def test_the_images_given_are_not_changed(images):
    before = images.copy()
    add_glitches(images, 1.0, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(images, before)


def test_grey_levels_span_the_range_of_each_image(images):
    grey = to_grey(images)
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey.min(axis=(1, 2)), 0)
    np.testing.assert_array_equal(grey.max(axis=(1, 2)), 255)
    assert not to_grey(np.ones((1, 4, 4))).any()


@pytest.mark.parametrize("fraction", [-0.1, np.nan])
def test_negative_noise_is_refused(images, fraction):
    with pytest.raises(ValueError, match="zero or positive"):
        add_noise(images, fraction, np.random.default_rng(0))
