import numpy as np
import pytest

from icescope.amorphous.splits import PARTS, split_at_random, split_by_trajectory
from icescope.errors import InputError

RNG = np.random.default_rng(1)
TRAJECTORY = np.repeat(np.arange(15), RNG.integers(40, 60, 15))  # of unequal lengths
PHASE = TRAJECTORY % 3


def splits() -> list[dict[str, np.ndarray]]:
    return [split_at_random(PHASE, seed=2), split_by_trajectory(PHASE, TRAJECTORY, seed=2)]


@pytest.mark.parametrize("parts", splits())
def test_parts_are_apart_and_balanced(parts):
    together = np.concatenate(list(parts.values()))
    assert list(parts) == list(PARTS) and len(set(together)) == len(together)
    for part, index in parts.items():
        counts = np.bincount(PHASE[index], minlength=3)
        assert len(set(counts)) == 1
        assert len(index) == pytest.approx(PARTS[part] * len(PHASE), rel=0.2)  # what balance costs


def test_no_trajectory_is_in_two_parts():
    parts = split_by_trajectory(PHASE, TRAJECTORY, seed=3)
    seen = [set(TRAJECTORY[index]) for index in parts.values()]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert set(TRAJECTORY[split_at_random(PHASE, seed=3)["test"]]) & set(
        TRAJECTORY[split_at_random(PHASE, seed=3)["train"]]
    )


def test_three_trajectories_are_enough():
    parts = split_by_trajectory(np.repeat([0, 1], 30), np.repeat(np.arange(6), 10), seed=4)
    assert [len(index) for index in parts.values()] == [20, 20, 20]


def test_the_seed_decides():
    assert (split_at_random(PHASE, 5)["train"] == split_at_random(PHASE, 5)["train"]).all()
    assert not np.array_equal(np.sort(split_at_random(PHASE, 5)["test"]), np.sort(split_at_random(PHASE, 6)["test"]))


def test_too_little():
    with pytest.raises(InputError, match="phase 1 has 2 independent trajectories"):
        split_by_trajectory(np.repeat([0, 1], 30), np.repeat([0, 1, 2, 3, 3, 4], 10), seed=1)
    with pytest.raises(InputError, match="too few molecules of a phase for the train part"):
        split_at_random(np.array([0, 0, 0, 0, 0, 1]), seed=1)
