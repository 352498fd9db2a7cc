import pytest
import torch

from icescope.errors import InputError
from icescope.learning.augmentation import add_noise, augment, cut_out, shift_pixels
from icescope.learning.images import draw_heights, standardise, take_heights


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.randn(4, 10, 32, 40, generator=generator(3)) + 5


def test_standardised_images_forget_scale_and_offset_of_each_image(images):
    factors, offsets = torch.rand(4, 10, 1, 1) + 0.5, torch.randn(4, 10, 1, 1)
    torch.testing.assert_close(standardise(images * factors + offsets), standardise(images), atol=1e-4, rtol=1e-4)
    assert standardise(images).std((-2, -1), correction=0).sub(1).abs().max() < 1e-5
    assert (standardise(torch.full((1, 8, 8), 3.0)) == 0).all()


def test_drawn_heights_are_ordered_with_gaps_of_one_or_two_and_reach_everywhere():
    chosen = draw_heights(2000, 21, 10, generator())
    gaps = chosen.diff(dim=1)
    assert gaps.unique().tolist() == [1, 2]
    assert chosen.min() == 0 and chosen.max() == 20
    assert len((chosen[:, -1] - chosen[:, 0]).unique()) == 10  # none to all nine gaps widened


def test_as_many_images_as_wanted_are_all_taken():
    assert draw_heights(3, 10, 10, generator()).tolist() == [list(range(10))] * 3


def test_too_few_images_are_named():
    with pytest.raises(InputError, match="a stack has 7 images, but the network takes 10"):
        draw_heights(1, 7, 10, generator())


def test_taken_images_are_those_chosen(images):
    chosen = torch.tensor([[0, 3], [1, 2], [8, 9], [4, 6]])
    taken = take_heights(images.half(), chosen)
    assert taken.dtype == torch.float32
    torch.testing.assert_close(taken[2, 1], images[2, 9].half().float())


def test_augmentations_repeat_with_the_seed_and_keep_the_shape(images):
    options = {"shift": 2, "noise": 0.15, "cutout": 60}
    once = augment(images, **options, generator=generator())
    assert once.shape == images.shape
    torch.testing.assert_close(once, augment(images, **options, generator=generator()))
    assert not torch.equal(once, augment(images, **options, generator=generator(2)))


def test_nothing_is_changed_by_amounts_of_zero(images):
    torch.testing.assert_close(augment(images, shift=0, noise=0.0, cutout=0, generator=generator()), images)


def test_shift_moves_whole_images_and_repeats_the_border():
    ramp = torch.arange(20.0).expand(1, 50, 20, 20)
    shifted = shift_pixels(ramp, 3, generator())
    moves = {round(float(image[10, 10] - 10)) for image in shifted[0]}
    assert moves == set(range(-3, 4))
    for image in shifted[0]:
        move = image[10, 10] - 10
        torch.testing.assert_close(image, (ramp[0, 0] + move).clamp(0, 19))


def test_noise_stays_within_its_share_of_the_range(images):
    # Additive: below amount x range; multiplicative: five standard deviations of amount x value.
    difference = (add_noise(images, 0.1, generator()) - images).abs()
    spread = images.amax((-2, -1)) - images.amin((-2, -1))
    additive = difference.amax((-2, -1)) <= 0.1 * spread + 1e-5
    multiplicative = (difference <= 0.5 * images.abs() + 1e-5).flatten(2).all(-1)
    assert (additive | multiplicative).all() and difference.max() > 0


def test_cutout_is_one_rectangle_of_the_mean_no_larger_than_asked(images):
    changed = (cut_out(images, 60, generator()) != images).flatten(0, 1)
    means = images.mean((-2, -1)).flatten()
    for mask, mean, image in zip(changed, means, cut_out(images, 60, generator()).flatten(0, 1), strict=True):
        rows, columns = mask.any(1).sum(), mask.any(0).sum()
        assert mask.sum() == rows * columns <= 60 + rows + columns + 1  # whole pixels may add a row and a column
        assert torch.allclose(image[mask], mean)
    assert changed.any((-2, -1)).float().mean() > 0.5
