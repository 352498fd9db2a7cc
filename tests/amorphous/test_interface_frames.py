"""Frames of one run: known interfaces are found within their errors, and more frames of a solid tell nothing more."""

import numpy as np
import pytest
from flat_interface import HIGH, LENGTHS, LOW, MOLECULES, WIDTH, cells, frozen, places, share

from icescope.amorphous.interface import WIDTHS, Interface, fit_interface, two_steps
from icescope.amorphous.interface_frames import (
    pool,
    pooled_interface,
    pooled_profile,
    regions,
    unsure,
    within,
)
from icescope.errors import InputError

LEFT, RIGHT = 35.0, 85.0
TRUE = {"5-95": 11.0, "10-90": 8.2, "integral": 11.2, "5-95 by layers": 11.0, "integral by layers": 11.2}


def test_a_known_interface_is_found_within_its_errors():
    pulls = []
    for seed in range(6):
        table = pooled_interface(*frozen(LEFT, RIGHT, seed, frames=2), seed=1, rounds=25)
        for name, true in TRUE.items():
            pulls.append((table.loc["mean", name] - true) / table.loc["mean", f"{name} error"])
        pulls += [(table.position["left"] - LEFT) / table["position error"]["left"]]
        pulls += [(table.position["right"] - RIGHT) / table["position error"]["right"]]
    assert 0.4 < np.sqrt(np.mean(np.square(pulls))) < 1.7
    assert np.abs(pulls).max() < 5


def test_more_frames_of_a_frozen_ice_promise_nothing_more():
    one, many = (pooled_interface(*frozen(LEFT, RIGHT, 1, frames), seed=2, rounds=40) for frames in (1, 8))
    for column in ("position error", "5-95 error"):
        assert many.loc["left", column] == pytest.approx(one.loc["left", column], rel=0.25)
    errors = [pooled_profile(*frozen(LEFT, RIGHT, 1, frames)).error.mean() for frames in (1, 8)]
    assert errors[1] == pytest.approx(errors[0], rel=0.15)


@pytest.mark.parametrize("way", [50.0, -200.0])
def test_a_shift_through_the_boundary_changes_the_position_alone(way):
    probabilities, positions, boxes = frozen(LEFT, RIGHT, 3)
    here, there = (
        pooled_interface(probabilities, positions + [moved, 0, 0], boxes, seed=4, rounds=20) for moved in (0, way)
    )
    np.testing.assert_allclose(there.position[:2], (here.position[:2] + way) % LENGTHS[0], atol=0.02)
    np.testing.assert_allclose(there.loc["mean", list(WIDTHS)], here.loc["mean", list(WIDTHS)], atol=0.05)
    np.testing.assert_allclose(there["position error"][:2], here["position error"][:2], rtol=0.1)
    assert there.loc["mean", "unsure"] == pytest.approx(here.loc["mean", "unsure"], abs=0.02)
    by_layers = here.loc["mean", "5-95 by layers"], here.loc["mean", "5-95 by layers error"]
    assert there.loc["mean", "5-95 by layers"] == pytest.approx(by_layers[0], abs=2 * by_layers[1])


def test_long_tails_show_by_layers_and_not_in_the_fit():
    """A fifth of the change is six times as wide: 0.8 tanh(x / 2) + 0.2 tanh(x / 12) = 0.9 at 6.9 A."""
    sites = places(5)
    tails = 0.8 * share(sites[:, 0], LEFT, RIGHT, 2.0) + 0.2 * share(sites[:, 0], LEFT, RIGHT, 12.0)
    table = pooled_interface(tails[None], sites[None], cells(1), seed=6, rounds=5)
    assert table.loc["mean", "5-95"] < 9
    assert table.loc["mean", "5-95 by layers"] == pytest.approx(13.8, abs=1.5)


def test_a_sharp_step_has_no_thickness():
    probabilities, positions, boxes = frozen(LEFT, RIGHT, 7, width=0.01)
    table = pooled_interface(probabilities, positions, boxes, seed=8, rounds=10)
    assert table.loc["mean", "5-95"] < 1
    assert 1.7 < table.loc["mean", "5-95 by layers"] < 3.7  # what layers of 2 A make of it
    assert table.position["left"] == pytest.approx(LEFT, abs=0.3)


def test_molecules_of_low_confidence():
    """p(x) = (1 + tanh(x / w)) / 2 lies between 0.1 and 0.9 for artanh(0.8) / 1.5 of the integral thickness."""
    sites = places(9)
    found = Interface(LEFT, RIGHT, WIDTH, WIDTH, 0, 1)
    shares = unsure(sites, share(sites[:, 0], LEFT, RIGHT), LENGTHS, found, seed=10)
    assert shares["unsure"] == pytest.approx(np.arctanh(0.8) / 1.5, abs=4 * shares["unsure error"])
    assert 0 < shares["unsure error"] < 0.03 and shares["unsure elsewhere"] == 0
    certain = unsure(sites, np.where(share(sites[:, 0], LEFT, RIGHT) > 0.5, HIGH, LOW), LENGTHS, found, seed=10)
    assert certain["unsure"] == 0


def test_frames_in_different_cells_are_scaled_to_their_mean():
    probabilities, positions, _ = frozen(LEFT, RIGHT, 14, frames=2)
    boxes = np.concatenate([cells(1, 1.02), cells(1, 0.98)])
    scaled = positions * boxes[:, None, 0, 0, None] / LENGTHS[0] * [1, 0, 0] + positions * [0, 1, 1]
    for one, other in zip(pool(probabilities, scaled, boxes), pool(probabilities, positions, cells(2)), strict=True):
        np.testing.assert_allclose(one, other)


def test_the_profile_is_that_of_all_frames():
    probabilities, positions, boxes = frozen(LEFT, RIGHT, 15, frames=3)
    table = pooled_profile(probabilities, positions, boxes)
    assert table.molecules.sum() == pytest.approx(MOLECULES)
    true = LOW + (HIGH - LOW) * share(table.x.to_numpy(), LEFT, RIGHT)
    inside = (table.probability > 0.1) & (table.probability < 0.9)  # elsewhere errors are those of no or one molecule
    pulls = ((table.probability - true) / table.error)[inside]
    assert np.sqrt((pulls**2).mean()) < 1.8


def test_the_fit_is_periodic():
    sites = places(16)
    for left, right in ((LEFT, RIGHT), (90.0, 150.0)):
        exact = share(sites[:, 0], left, right)
        found = fit_interface(sites[:, 0], exact, LENGTHS[0])
        np.testing.assert_allclose(two_steps(sites[:, 0], found, LENGTHS[0]), exact, atol=1e-3)


def test_regions_are_in_the_middle_of_what_they_are_of():
    found = Interface(LEFT, RIGHT, WIDTH, WIDTH, LOW, HIGH)
    assert regions(found, LENGTHS[0]) == {"I": (115, 125), "II": (30, 40), "III": (55, 65)}
    x = places(17)[:, 0]
    inside = {name: within(x, region, LENGTHS[0]) for name, region in regions(found, LENGTHS[0]).items()}
    for one in inside.values():
        assert one.sum() == pytest.approx(MOLECULES * 10 / LENGTHS[0], rel=0.15)
    assert not (inside["I"] & inside["II"] | inside["II"] & inside["III"]).any()
    assert ((x[inside["I"]] > 115) | (x[inside["I"]] < 5)).all()
    across = Interface(90, 20, WIDTH, WIDTH, LOW, HIGH)  # HDA lies across the edge
    assert regions(across, LENGTHS[0])["III"] == (110, 120) and regions(across, LENGTHS[0])["I"] == (50, 60)
    with pytest.raises(InputError, match="a slab of the interface is 15 A thick"):
        regions(Interface(30, 45, WIDTH, WIDTH, LOW, HIGH), LENGTHS[0])


def test_a_sheared_cell_is_refused():
    probabilities, positions, boxes = frozen(LEFT, RIGHT, 18)
    boxes[0, 1, 0] = 5
    with pytest.raises(InputError, match="not orthorhombic"):
        pool(probabilities, positions, boxes)


@pytest.mark.parametrize("length", [120.0, 120.2, 119.8, 60.1])
def test_any_length_of_the_cell(length):
    """Even and odd numbers of layers: none may lie across the edge."""
    x = places(19)[:, 0] * length / LENGTHS[0]
    images = x[:, None] + [-length, 0, length]
    exact = ((np.tanh((images - 14) / WIDTH) - np.tanh((images - 40) / WIDTH)) / 2).sum(1)
    found = fit_interface(x, exact, length)
    assert (found.left, found.right) == pytest.approx((14, 40), abs=0.01)
    assert (found.left_width, found.right_width) == pytest.approx((WIDTH, WIDTH), abs=0.02)
