import pytest
import torch

from icescope.learning.networks import build_network
from icescope.learning.objectives import HEIGHT_WEIGHT, OBJECTIVES, colour_loss, peak_loss


def peak_map(samples=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    heat = torch.rand(samples, 2, 8, 8, generator=generator)
    return torch.cat([heat, torch.randn(samples, 2, 8, 8, generator=generator)], dim=1)


def test_colour_loss_is_the_mean_square_error_of_each_sample():
    raw, true = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    true[1, 0] = 0.5
    torch.testing.assert_close(colour_loss(raw, true), torch.tensor([0.0, 0.25 / 3]))


def test_least_loss_is_at_the_true_heat_and_height():
    true = peak_map()
    best = torch.cat([true[:, :2].logit(), true[:, 2:]], dim=1)
    lowest = peak_loss(best, true)
    for seed in range(5):
        noise = 0.1 * torch.randn(best.shape, generator=torch.Generator().manual_seed(seed))
        assert (peak_loss(best + noise, true) > lowest).all()
    torch.testing.assert_close(OBJECTIVES["peaks"].finish(best), true)


def test_heights_count_only_where_there_are_atoms():
    true = peak_map()
    true[:, :2, :, 4:] = 0
    raw = torch.cat([torch.zeros_like(true[:, :2]), true[:, 2:]], dim=1)
    wrong_beside = raw.clone()
    wrong_beside[:, 2:, :, 4:] += 7.0
    torch.testing.assert_close(peak_loss(wrong_beside, true), peak_loss(raw, true))
    wrong = raw.clone()
    wrong[:, 2:, :, :4] += 1.5
    torch.testing.assert_close(peak_loss(wrong, true), peak_loss(raw, true) + 1.5 * HEIGHT_WEIGHT)


@pytest.mark.parametrize("shape", [{"architecture": "unet2d", "stride": 2}, {"architecture": "unet3d", "stride": 1}])
@pytest.mark.parametrize(("output", "empty"), [("avdw", [1, 1, 1]), ("peaks", [0.0474, 0.0474, 0, 0])])
def test_a_network_that_knows_nothing_draws_an_empty_map(output, empty, shape):
    """White; or heats of 1 / (1 + exp(3)) and the height that heights count from."""
    network = {"output": output, "heights": 3, "channels": [8, 8, 8, 8, 8]} | shape
    built = build_network(network, {"disc_radius": {"O": 0.75, "H": 0.55}})
    torch.nn.init.zeros_(built.head.weight)
    drawn = OBJECTIVES[output].finish(built(torch.rand(1, 3, 64, 64)))
    torch.testing.assert_close(
        drawn, torch.tensor(empty, dtype=torch.float32)[:, None, None].expand(1, -1, 64, 64), atol=1e-3, rtol=0
    )


def test_no_atoms_at_all_is_a_number():
    assert torch.isfinite(peak_loss(torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 8))).all()
