import numpy as np
import pytest
import torch

from icescope.errors import InputError
from icescope.maps.avdw import BACKGROUND, KINDS, kinds, poses, render

RADIUS = {"O": 0.8, "H": 0.5}
OXYGEN, FLAT, UP, DOWN = range(4)


def colour(kind):
    return torch.tensor(KINDS[kind].colour)


def one(position, kind, pixels=20, size=0.25):
    return render(np.array(position, float), np.array(kind), np.array([len(kind)]), pixels, size, RADIUS)[0]


def test_disc_has_its_area_colour_and_centre():
    image = one([[2.6, 1.9, 0.0]], [OXYGEN], pixels=100, size=0.05)
    cover = (1 - image[1]).numpy()  # red leaves no green
    assert cover.sum() * 0.05**2 == pytest.approx(np.pi * 0.8**2, rel=2e-3)
    at = (np.arange(100) + 0.5) * 0.05
    assert (cover.sum(0) @ at / cover.sum(), cover.sum(1) @ at / cover.sum()) == pytest.approx((2.6, 1.9), abs=2e-3)
    torch.testing.assert_close(image[:, 38, 52], colour(OXYGEN))


def test_uppermost_of_two_overlapping_atoms_shows_whatever_their_order():
    low_oxygen, high_hydrogen = [2.5, 2.5, 0.0], [2.7, 2.5, 0.9]
    image = one([low_oxygen, high_hydrogen], [OXYGEN, UP])
    torch.testing.assert_close(image, one([high_hydrogen, low_oxygen], [UP, OXYGEN]))
    torch.testing.assert_close(image[:, 10, 10], colour(UP))
    turned_over = one([[*low_oxygen[:2], 0.9], [*high_hydrogen[:2], 0.0]], [OXYGEN, DOWN])
    torch.testing.assert_close(turned_over[:, 10, 10], colour(OXYGEN))


def test_row_zero_is_the_lowest_y():
    image = one([[1.0, 4.0, 0.0]], [OXYGEN])
    torch.testing.assert_close(image[:, 15, 3], colour(OXYGEN))


def test_atom_outside_the_map_reaches_in_and_one_far_outside_does_not():
    assert one([[-0.4, 2.5, 0.0]], [OXYGEN])[:, 9:11, 0].mean(1)[1] < 0.1
    assert (one([[-2.0, 2.5, 0.0]], [OXYGEN]) == 1).all()


def test_map_alone_equals_map_in_batch():
    rng = np.random.default_rng(1)
    count = np.array([5, 0, 9, 3])
    position, kind = rng.uniform(0, 5, (17, 3)), rng.integers(0, 4, 17)
    batch = render(position, kind, count, 20, 0.25, RADIUS)
    first = np.concatenate([[0], count.cumsum()])
    for i in range(4):
        mine = slice(first[i], first[i + 1])
        torch.testing.assert_close(batch[i], render(position[mine], kind[mine], count[i : i + 1], 20, 0.25, RADIUS)[0])


def test_poses_follow_the_height_over_the_own_oxygen():
    position = np.array([[0, 0, 5], [0, 0, 5.9], [0, 0, 4.6], [0, 0, 0], [0, 0, -0.8], [0, 0, 0.7]], float)
    pose = poses(position, np.array([8, 1, 1, 8, 1, 1]), np.array([0, 0, 0, 1, 1, 1]), bound=0.7)
    assert pose.tolist() == ["", "up", "flat", "", "down", "flat"]


def test_poses_pass_over_ions_and_refuse_a_hydrogen_without_its_oxygen():
    position, molecule = np.array([[0, 0, 1], [3, 0, 5], [3, 0, 5.9], [6, 0, 2]], float), np.array([0, 1, 1, 2])
    assert poses(position, np.array([11, 8, 1, 19]), molecule, bound=0.7).tolist() == ["", "", "up", ""]
    with pytest.raises(InputError, match="atom 0 is a hydrogen, but its molecule has no oxygen"):
        poses(position, np.array([1, 8, 1, 19]), molecule, bound=0.7)


def test_edge_of_no_disc_has_the_colour_of_another_kind():
    colours = np.array([kind.colour for kind in KINDS])
    cover = np.linspace(0, 1, 21)[:, None]
    for own, colour in enumerate(colours):
        edge = cover * colour + (1 - cover) * BACKGROUND
        apart = np.linalg.norm(edge[:, None] - np.delete(colours, own, axis=0), axis=-1)
        assert apart.min() > 0.4  # of sqrt(3); indigo's edge comes no nearer to light blue


def test_tensors_give_the_map_of_arrays():
    rng = np.random.default_rng(3)
    position, kind, count = rng.uniform(-1, 6, (30, 3)), rng.integers(0, 4, 30), np.array([12, 18])
    tensors = [torch.from_numpy(position), torch.from_numpy(kind.astype(np.uint8)), torch.from_numpy(count)]
    assert torch.equal(render(*tensors, 20, 0.25, RADIUS), render(position, kind, count, 20, 0.25, RADIUS))


def test_element_without_a_colour_is_named():
    with pytest.raises(InputError, match="no colour for Xe"):
        kinds(np.array([8, 54]), np.array(["", ""]))
