import pytest
import torch
from torch import nn

from icescope.learning.muon import SCALE, Muon, orthogonal


@pytest.mark.parametrize("shape", [(24, 200), (200, 24), (64, 64)])
def test_singular_values_come_near_one_and_their_vectors_stay(shape):
    generator = torch.Generator().manual_seed(1)
    u, _, vh = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    values = torch.logspace(0, -2, min(shape))  # none below 0.002 of the norm
    made = orthogonal(100 * (u * values) @ vh)
    among_vectors = u.T @ made @ vh.T
    assert (among_vectors.diag() > 0.6).all() and (among_vectors.diag() < 1.3).all()
    # Rounding of the Gram matrix, 1e-7 of the largest value's square, weighs most on the smallest.
    torch.testing.assert_close(among_vectors, among_vectors.diag().diag(), atol=0.02, rtol=0)


def test_nothing_is_learnt_from_no_gradient():
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


def convolutions():
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(2, 8, 3), nn.Conv2d(8, 16, 3), nn.GroupNorm(4, 16), nn.Conv2d(16, 3, 1))


def one_step(optimiser, network, factor=1.0):
    before = [weights.detach().clone() for weights in network.parameters()]
    generator = torch.Generator().manual_seed(3)
    for weights in network.parameters():
        weights.grad = factor * torch.randn(weights.shape, generator=generator)
    optimiser.step()
    return [weights.detach() - old for weights, old in zip(network.parameters(), before, strict=True)]


def test_only_inner_convolutions_step_other_than_adam():
    mine, adams = convolutions(), convolutions()
    optimisers = Muon(mine, 0.01), torch.optim.Adam(adams.parameters(), 0.01)
    for _ in range(3):
        steps = [one_step(*both) for both in zip(optimisers, (mine, adams), strict=True)]
        same = [torch.equal(one, other) for one, other in zip(*steps, strict=True)]
        assert [not equal for equal in same] == [name == "1.weight" for name, _ in mine.named_parameters()]


def test_a_step_has_the_stated_size_whatever_the_gradient():
    small, large = (
        one_step(Muon(network, 0.01), network, factor)[2]
        for network, factor in ((convolutions(), 1e-3), (convolutions(), 1e3))
    )
    torch.testing.assert_close(small, large, atol=1e-7, rtol=1e-4)
    # With singular values of 1 it would be SCALE; they are within the bounds of the first test.
    size = small.square().mean().sqrt() / 0.01
    assert 0.6 * SCALE < size < 1.3 * SCALE
