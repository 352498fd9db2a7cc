import numpy as np
import pytest
from scipy.integrate import quad

from icescope.amorphous.interface import WIDTHS, fit_interface, interface_errors, profile
from icescope.errors import InputError

LENGTHS = np.array([260.0, 45.0, 45.0])  # A, about the published cell
WIDTH = 3.74  # A: 11 A from 5 to 95 %


def slab(left: float, right: float, seed: int, count: int = 15000, noise: float = 0.0):
    """Positions at random, and the probability that two tanh give them, images included."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (count, 3)) * LENGTHS
    images = positions[:, :1] + [-LENGTHS[0], 0, LENGTHS[0]]
    steps = np.tanh((images - left) / WIDTH) - np.tanh((images - right) / WIDTH)
    probability = 0.02 + 0.95 * (steps / 2).sum(1)
    return positions, probability + noise * rng.normal(size=count)


def test_widths_are_those_of_a_tanh():
    def p(x):
        return (1 + np.tanh(x)) / 2

    assert p(WIDTHS["5-95"] / 2) == pytest.approx(0.95)
    assert p(-WIDTHS["10-90"] / 2) == pytest.approx(0.1)
    assert 6 * quad(lambda x: p(x) * (1 - p(x)), -20, 20)[0] == pytest.approx(WIDTHS["integral"])


@pytest.mark.parametrize(("left", "right"), [(90, 170), (200, 340), (-30, 30)])
def test_two_steps_are_found(left, right):
    """Wherever the slab lies, across the cell's edge too, and however far out the molecules are written."""
    positions, probability = slab(left, right, seed=1)
    x = positions[:, 0] + LENGTHS[0] * np.random.default_rng(2).integers(-2, 3, len(positions))
    found = fit_interface(x, probability, LENGTHS[0])
    assert found.left == pytest.approx(left % LENGTHS[0], abs=1e-3)
    assert found.right == pytest.approx(right % LENGTHS[0], abs=1e-3)
    assert found.left_width == pytest.approx(WIDTH, abs=1e-3) == found.right_width
    assert (found.outside, found.inside) == pytest.approx((0.02, 0.97), abs=1e-4)


def test_a_mirror_image():
    positions, probability = slab(90, 180, seed=3, noise=0.1)
    one = fit_interface(positions[:, 0], probability, LENGTHS[0])
    other = fit_interface(-positions[:, 0], probability, LENGTHS[0])
    assert other.left == pytest.approx(LENGTHS[0] - one.right, abs=1e-3)
    assert other.left_width == pytest.approx(one.right_width, abs=1e-3)


def test_errors_are_those_of_repeated_samples():
    """The bootstrap's errors against the scatter of 30 independent samples; both are known to some 15 %."""
    fits = [interface_errors(*slab(90, 170, seed, noise=0.3), LENGTHS, seed, rounds=2) for seed in range(30)]
    one = interface_errors(*slab(90, 170, 99, noise=0.3), LENGTHS, seed=1, rounds=100)
    for column in ("position", "5-95"):
        scatter = np.std([fit.loc["left", column] for fit in fits], ddof=1)
        assert one.loc["left", f"{column} error"] == pytest.approx(scatter, rel=0.5)
    assert one.loc["mean", "5-95"] == pytest.approx(11.0, abs=4 * one.loc["mean", "5-95 error"])
    assert one.loc["mean", "5-95 error"] < one.loc["left", "5-95 error"]


def test_profile():
    positions, probability = slab(90, 170, seed=4)
    table = profile(positions[:, 0], probability, LENGTHS[0])
    assert len(table) == 130 and table.molecules.sum() == len(positions)
    assert table.x.iloc[[0, -1]].tolist() == [1, 259]
    assert table.probability[table.x < 70].max() == pytest.approx(0.02, abs=1e-3)
    mean = (table.probability * table.molecules).sum() / table.molecules.sum()
    assert mean == pytest.approx(probability.mean())
    empty = profile(positions[:, 0] / 2, probability, LENGTHS[0])
    assert (empty.molecules[empty.x > 131] == 0).all() and empty.probability[empty.x > 131].isna().all()


def test_no_interface():
    positions, _ = slab(90, 170, seed=5)
    with pytest.raises(InputError, match="no slab with two interfaces is seen"):
        fit_interface(positions[:, 0], (positions[:, 0] < 2).astype(float), LENGTHS[0])
