"""Views of a sample: the symmetries of a square."""

import pytest
import torch

from icescope.learning.views import VIEWS, mean_of_views, turned, turned_back

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def network():
    """One that does not treat all directions alike."""
    torch.manual_seed(2)
    return torch.nn.Conv2d(3, 2, 3, padding=1).requires_grad_(False)


def test_views_are_different_and_can_be_undone():
    views = [turned(IMAGES, view) for view in range(VIEWS)]
    assert all(torch.equal(turned_back(one, view), IMAGES) for view, one in enumerate(views))
    assert not any(torch.equal(one, other) for k, one in enumerate(views) for other in views[:k])


@pytest.mark.parametrize("view", range(VIEWS))
def test_the_mean_of_all_views_turns_with_the_sample(network, view):
    expected = turned(mean_of_views(network, IMAGES), view)
    assert torch.allclose(mean_of_views(network, turned(IMAGES, view)), expected, atol=1e-6)
    one = turned(mean_of_views(network, IMAGES, 1), view)
    assert view == 0 or not torch.allclose(mean_of_views(network, turned(IMAGES, view), 1), one, atol=1e-2)


def test_one_view_is_the_sample_as_it_is(network):
    assert torch.equal(mean_of_views(network, IMAGES, 1), network(IMAGES))
