import pytest
import torch

from icescope.errors import InputError
from icescope.learning.unet3d import UNet3d

CHANNELS = [8, 8, 16, 16, 16]


@pytest.fixture
def network():
    torch.manual_seed(1)
    return UNet3d(10, CHANNELS, 3).eval()


@pytest.fixture
def stacks():
    return torch.randn(3, 10, 32, 48, generator=torch.Generator().manual_seed(2))


def test_stack_of_images_becomes_one_colour_map_of_the_same_size(network, stacks):
    assert network(stacks).shape == (3, 3, 32, 48)


def test_stack_alone_equals_stack_in_batch(network, stacks):
    with torch.no_grad():
        torch.testing.assert_close(network(stacks[1:2])[0], network(stacks)[1], atol=1e-5, rtol=1e-4)


def test_every_weight_has_a_finite_gradient_and_half_precision_agrees_with_single(network, stacks):
    def gradients(enabled):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = network(stacks).float().square().mean()
        loss.backward()
        return {name: p.grad.clone() for name, p in network.named_parameters()}

    single, half = gradients(False), gradients(True)
    for name, gradient in single.items():
        assert torch.isfinite(gradient).all() and gradient.abs().max() > 0, name
        # bfloat16 has 8 bits, and rounding adds up on the way back to the first layers: directions agree to 0.8, and
        # lengths to a few per cent. At a depth of exactly two, which this network avoids, torch 2.13 on CPUs
        # returns garbage here, of another direction and length.
        if gradient.numel() > 100:
            cosine = torch.nn.functional.cosine_similarity(gradient.flatten(), half[name].flatten(), dim=0)
            assert cosine > 0.7, name
            assert 0.8 < half[name].norm() / gradient.norm() < 1.25, name


def test_large_image_in_half_precision_leaves_the_memory_whole(network):
    # As a convolution in three dimensions the head wrote beyond its memory, which ends the process or is not noticed.
    stack = torch.randn(1, 10, 128, 128, generator=torch.Generator().manual_seed(3))
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            network(stack).float().square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_no_level_has_a_depth_of_two(network, stacks):
    depths = []
    for level in network.down:
        level.register_forward_hook(lambda _, inputs, output: depths.append(output.shape[2]))
    network(stacks)
    assert depths == [10, 10, 10, 5, 3]


def test_published_size():
    # The same group's later public code has 8.3 to 9.1 million parameters; ours, with joined skips, is of that order.
    parameters = sum(p.numel() for p in UNet3d(10, [32, 64, 128, 256, 256], 3).parameters())
    assert 8e6 < parameters < 14e6


def test_wrong_number_of_levels_is_named():
    with pytest.raises(InputError, match="network.channels needs 5 numbers, one a level, not 3"):
        UNet3d(10, [8, 16, 32], 3)
