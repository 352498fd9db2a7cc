import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icescope.maps.avdw import KINDS
from icescope.maps.peaks import REACH, WIDTH, locate_peaks, render

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55, "Na": 1.0, "K": 1.2}, "pose_bound": 0.7, "threshold": 0.5}
SPECIES = list(LABELS["disc_radius"])
PIXELS, PIXEL = 64, 25 / 64
OXYGEN, FLAT, UP, DOWN, SODIUM, POTASSIUM = range(6)


def draw(position, kind, origin=0.0, pixels=PIXELS):
    return render(
        np.array(position, float), np.array(kind), np.array([len(kind)]), pixels, 25 / pixels, LABELS, [origin]
    )


def water(rng, molecules, size=25.0, apart=3.0):
    """Oxygens on a square lattice shaken by a tenth of an angstrom, each with two hydrogens turned at random, A."""
    side = int(size / apart)
    site = np.stack(np.divmod(rng.permutation(side**2)[:molecules], side), 1) * apart + apart / 2
    oxygen = np.column_stack([site, rng.uniform(8, 11, molecules)]) + rng.normal(0, 0.1, (molecules, 3))
    arm = rng.normal(size=(molecules, 2, 3))
    arm[:, 1] -= arm[:, 0] * (arm[:, 0] * arm[:, 1]).sum(1, keepdims=True) / (arm[:, 0] ** 2).sum(1, keepdims=True)
    arm /= np.linalg.norm(arm, axis=-1, keepdims=True)
    position = np.concatenate([oxygen[:, None], oxygen[:, None] + arm], axis=1).reshape(-1, 3)
    return position, np.tile([OXYGEN, FLAT, FLAT], molecules)


def test_map_is_the_largest_gaussian_and_the_height_of_its_atom():
    rng = np.random.default_rng(1)
    position, kind = rng.uniform(-2, 27, (80, 3)), rng.integers(0, len(KINDS), 80)
    maps = draw(position, kind, origin=4.0)[0]
    at = (np.arange(PIXELS) + 0.5) * PIXEL
    for channel, symbol in enumerate(SPECIES):
        atoms = position[[KINDS[k].symbol == symbol for k in kind]]
        distance2 = (at - atoms[:, 0, None, None]) ** 2 + (at[:, None] - atoms[:, 1, None, None]) ** 2
        nearest = distance2.min(0)
        heat = np.where(nearest < REACH**2, np.exp(-nearest / (2 * WIDTH**2)), 0)
        height = np.where(nearest < REACH**2, atoms[distance2.argmin(0), 2] - 4.0, 0)
        # Single precision.
        np.testing.assert_allclose(maps[channel], heat, atol=1e-5)
        np.testing.assert_allclose(maps[len(SPECIES) + channel], height, atol=1e-5)


def test_map_alone_equals_map_in_batch_and_atoms_may_be_tensors():
    rng = np.random.default_rng(2)
    count, origin = np.array([5, 0, 9, 3]), rng.uniform(0, 5, 4).astype(np.float32)
    position, kind = rng.uniform(0, 25, (17, 3)), rng.integers(0, 6, 17)
    tensors = (torch.from_numpy(one) for one in (position, kind.astype(np.uint8), count))
    batch = render(*tensors, PIXELS, PIXEL, LABELS, torch.from_numpy(origin))
    first = np.concatenate([[0], count.cumsum()])
    for i in range(4):
        mine = slice(first[i], first[i + 1])
        assert torch.equal(batch[i : i + 1], draw(position[mine], kind[mine], origin[i]))
        (alone,), together = locate_peaks(batch[i : i + 1], PIXEL, LABELS), locate_peaks(batch, PIXEL, LABELS)[i]
        np.testing.assert_array_equal(alone.positions, together.positions)
    assert (batch[1] == 0).all()


def test_species_without_a_channel_is_not_drawn():
    only_water = LABELS | {"disc_radius": {"O": 0.75, "H": 0.55}}
    maps = render(np.array([[5.0, 5, 1]]), np.array([SODIUM]), np.array([1]), PIXELS, PIXEL, only_water, [0.0])
    assert maps.shape == (1, 4, PIXELS, PIXELS) and (maps == 0).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 25), st.floats(0, 25), st.floats(-3, 3), st.sampled_from(range(len(KINDS))))
def test_lone_atom_is_found_once_where_it_is_even_at_the_edge(x, y, z, kind):
    (atoms,) = locate_peaks(draw([[x, y, z]], [kind]), PIXEL, LABELS)
    assert [*atoms.symbols] == [KINDS[kind].symbol]
    # The parabola is exact for a Gaussian; all pixels that it goes through are within reach.
    np.testing.assert_allclose(atoms.positions[0], [x, y, z], atol=2e-3)
    assert atoms.get_array("confidence")[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pixels", [64, 128])
def test_water_is_found_where_it_is(pixels):
    rng = np.random.default_rng(3)
    squared, missed, total = [], 0, 0
    for _ in range(10):
        position, kind = water(rng, 40)
        (atoms,) = locate_peaks(draw(position, kind, 9.0, pixels), 25 / pixels, LABELS)
        found = {symbol: atoms.positions[atoms.symbols == symbol] for symbol in "OH"}
        for true, k in zip(position - [0, 0, 9], kind, strict=True):
            error = found[KINDS[k].symbol] - true
            nearest = error[np.linalg.norm(error[:, :2], axis=1).argmin()]
            total += 1
            if np.linalg.norm(nearest[:2]) < 0.3 and abs(nearest[2]) < 0.3:
                squared.append([nearest[0] ** 2 + nearest[1] ** 2, nearest[2] ** 2])
            else:
                missed += 1
    assert (np.sqrt(np.mean(squared, axis=0)) < 0.03).all()
    # Of two hydrogens one above the other, as 1 in 20 are, only one can show.
    assert missed < 0.06 * total


@pytest.mark.parametrize("turn", np.linspace(0, np.pi, 7))
def test_two_hydrogens_of_a_molecule_seen_from_the_side_are_both_found(turn):
    apart = 0.9 * np.array([np.cos(turn), np.sin(turn), 0])
    for corner in np.random.default_rng(4).uniform(10, 11, (20, 3)):
        (atoms,) = locate_peaks(draw([corner, corner + apart + [0, 0, 1.3]], [FLAT, UP]), PIXEL, LABELS)
        assert len(atoms) == 2
        order = np.argsort(atoms.positions[:, 2])
        # The pixels between two peaks belong to one of them: each is drawn a little towards the other.
        np.testing.assert_allclose(atoms.positions[order], [corner, corner + apart + [0, 0, 1.3]], atol=0.12)


def test_atoms_of_different_species_in_one_place_are_all_found():
    position = [[9, 9, 3.0], [9, 9, 2.0], [9, 9, 0.0], [16, 9, 1.0]]
    (atoms,) = locate_peaks(draw(position, [UP, OXYGEN, SODIUM, POTASSIUM]), PIXEL, LABELS)
    found = {symbol: place for symbol, place in zip(atoms.symbols, atoms.positions, strict=True)}
    assert sorted(found) == ["H", "K", "Na", "O"]
    np.testing.assert_allclose([found[s] for s in ("H", "O", "Na", "K")], position, atol=2e-3)


def test_pose_follows_the_height_over_the_nearest_oxygen_of_the_same_map():
    # The hydrogen at (5, 6) is nearer to the lower oxygen in space, though a higher one is nearer in the plane.
    position = [[5, 5, 0.0], [5, 6, 0.2], [5, 5.8, 4.0], [15, 5, 2.0], [15.6, 5, 2.8], [14.5, 5.4, 1.2]]
    one, other = draw(position, [OXYGEN, FLAT, OXYGEN, OXYGEN, UP, DOWN]), draw([[5, 5, 3.0]], [UP])
    together, lone = locate_peaks(torch.cat([one, other]), PIXEL, LABELS)
    for true, pose in ((1, "flat"), (4, "up"), (5, "down")):
        near = np.linalg.norm(together.positions - position[true], axis=1).argmin()
        assert together.symbols[near] == "H" and together.get_array("pose")[near] == pose
    assert (together.get_array("pose")[together.symbols == "O"] == "").all()
    assert lone.get_array("pose").tolist() == ["flat"]  # there is no oxygen in this map


def test_faint_peak_is_no_atom_and_a_plateau_is_one():
    maps = draw([[8, 8, 1.0], [17.1, 17.1, 1.0]], [OXYGEN, OXYGEN])
    maps[:, :, :32] *= 0.6
    (atoms,) = locate_peaks(maps, PIXEL, LABELS)
    assert atoms.get_array("confidence") == pytest.approx([1, 0.6], abs=1e-3)
    assert len(locate_peaks(maps, PIXEL, LABELS | {"threshold": 0.7})[0]) == 1
    flat = torch.zeros(1, 8, 16, 16)
    flat[0, 0, 6:8, 6:8] = 1
    (atoms,) = locate_peaks(flat, 1.0, LABELS)
    assert len(atoms) == 1 and len(locate_peaks(torch.zeros(1, 8, 16, 16), 1.0, LABELS)[0]) == 0
