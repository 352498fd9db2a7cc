import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from icescope.learning.unet2d import UNet2d
from icescope.learning.unet3d import UNet3d


@pytest.fixture
def network():
    torch.manual_seed(1)
    return UNet2d(10, [8, 16, 24], 4, 1, fine_blocks=1).eval()


@pytest.fixture
def stacks():
    return torch.randn(3, 10, 32, 48, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("stride, fine_blocks", [(1, 0), (2, 0), (4, 0), (2, 2)])
def test_stack_of_images_becomes_one_map_of_the_same_size(stacks, stride, fine_blocks):
    assert UNet2d(10, [8, 16], 4, stride, fine_blocks)(stacks).shape == (3, 4, 32, 48)


def test_stack_alone_equals_stack_in_batch(network, stacks):
    with torch.no_grad():
        torch.testing.assert_close(network(stacks[1:2])[0], network(stacks)[1], atol=1e-5, rtol=1e-4)


def test_every_weight_has_a_finite_gradient(network, stacks):
    for half in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = network(stacks).float().square().mean()
        loss.backward()
        for name, parameter in network.named_parameters():
            assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().max() > 0, name


def test_a_pixel_is_seen_by_the_map_where_it_is(network):
    # The response to a changed pixel is the largest at or next to that pixel, also with squares of pixels as channels.
    strided = UNet2d(10, [8, 16, 24], 4, 2).eval()
    images = torch.zeros(1, 10, 32, 32)
    changed = images.clone()
    changed[0, :, 20, 9] = 3.0
    for one in (network, strided):
        with torch.no_grad():
            response = (one(changed) - one(images)).abs().sum((0, 1))
        row, column = divmod(int(response.argmax()), 32)
        assert abs(row - 20) <= 3 and abs(column - 9) <= 3


def test_arithmetic_is_a_seventh_of_the_published_network_or_less():
    def arithmetic(network, pixels):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 10, pixels, pixels))
        return counter.get_total_flops()

    published = UNet3d(10, [32, 64, 128, 256, 256], 3)
    light = UNet2d(10, [64, 128, 192, 256], 3, 1)
    assert arithmetic(light, 64) < 0.15 * arithmetic(published, 64)
    assert arithmetic(UNet2d(10, [64, 128, 192, 256], 3, stride=2), 128) < 0.05 * arithmetic(published, 128)
