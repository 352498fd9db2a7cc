import numpy as np
import pytest
import torch

from icescope.afm import Tip
from icescope.afm.tip import Springs, spring_energy, spring_force_and_hessian
from icescope.errors import InputError

SPRINGS = Springs.of(Tip(tilt=(0.3, -0.2)))
UPPER = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2])


def test_free_probe_is_at_rest_at_the_springs_length():
    x, y, z = SPRINGS.free_probe()
    assert (x, y) == (0.3, -0.2) and z < 0
    assert np.sqrt(x * x + y * y + z * z) == pytest.approx(4.0)
    at = torch.tensor([[x, y, z]], dtype=torch.float64)
    force, _ = spring_force_and_hessian(at, torch.zeros_like(at), SPRINGS)
    torch.testing.assert_close(force, torch.zeros_like(force), rtol=0, atol=1e-12)


def test_spring_force_and_hessian_are_derivatives_of_the_spring_energy():
    generator = torch.Generator().manual_seed(6)
    anchor = torch.rand(7, 3, dtype=torch.float64, generator=generator)
    probe = anchor + torch.randn(7, 3, dtype=torch.float64, generator=generator) - torch.tensor([0, 0, 4.0])
    force, hessian = spring_force_and_hessian(probe, anchor, SPRINGS)
    for i in range(7):
        energy = lambda p, i=i: spring_energy(p, anchor[i], SPRINGS)  # noqa: E731
        torch.testing.assert_close(force[:, i], -torch.autograd.functional.jacobian(energy, probe[i]))
        torch.testing.assert_close(hessian[:, i], torch.autograd.functional.hessian(energy, probe[i])[UPPER])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lateral_stiffness": 0.0}, "lateral_stiffness must be positive and finite, not 0.0"),
        ({"radial_stiffness": float("nan")}, "radial_stiffness must be positive and finite, not nan"),
        ({"length": -4.0}, "length must be positive"),
        ({"charge": float("inf")}, "charge must be a finite number"),
        ({"multipole": "pz"}, "multipole must be one of monopole, dz2, not 'pz'"),
        ({"tilt": (3.0, 3.0)}, "tilt must be two lengths in A that leave the probe below it"),
        ({"tilt": (float("nan"), 0.0)}, "tilt must be two lengths"),
    ],
)
def test_impossible_tip_is_one_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Tip(**options)
