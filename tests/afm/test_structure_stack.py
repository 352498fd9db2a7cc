"""Stacks of one structure: the area, the heights, and what is refused before anything is computed."""

import numpy as np
import pytest
from ase import Atoms
from water import CHARGES, layer

from icescope.afm import Scan, Tip, simulate
from icescope.afm.structure_stack import CONTRAST, contrast_heights, image_heights, scanned_area, simulate_structure
from icescope.errors import InputError

TIP = Tip()
WATER = [[0, 0, 2.0], [0.8, 0.6, 2.0], [-0.8, 0.6, 2.0]]


@pytest.fixture
def molecule():
    return Atoms("OHH", WATER, charges=CHARGES)


def test_stack_is_that_of_a_scan_at_the_heights_above_the_origin(molecule):
    stack = simulate_structure(molecule, TIP, (7.0, 7.6, 0.3), "top_oxygen", 0.4, amplitude=0.5, f0=3e4, k0=2000.0)
    assert stack.height.values == pytest.approx([7.0, 7.3, 7.6])
    scan = Scan(stack.x.values, stack.y.values, 2.0 + np.arange(6.5, 8.15, 0.1))
    expected = simulate(molecule, TIP, scan, 0.5, 3e4, 2000.0)
    at = expected.frequency_shift.sel(height=[9.0, 9.3, 9.6], method="nearest")
    np.testing.assert_allclose(stack.frequency_shift, at, rtol=1e-3, atol=1e-4)
    assert (stack.attrs["height_origin"], stack.attrs["origin_height"]) == ("top_oxygen", 2.0)


@pytest.mark.parametrize("amplitude", [0.1, 0.35, 1.0])
def test_large_steps_between_images_do_not_coarsen_the_force(molecule, amplitude):
    """One image of a coarse stack is that of a fine one, whatever the amplitude."""
    coarse, fine = (
        simulate_structure(molecule, TIP, (7.0, 9.0, step), "top_oxygen", 0.5, amplitude) for step in (1.0, 0.1)
    )
    assert coarse.height.values == pytest.approx([7.0, 8.0, 9.0])
    np.testing.assert_allclose(coarse.frequency_shift, fine.frequency_shift[::10], rtol=1e-3, atol=1e-4)


def test_absolute_heights_count_from_zero(molecule):
    above = simulate_structure(molecule, TIP, (7.0, 7.2, 0.2), "top_oxygen", 0.5)
    absolute = simulate_structure(molecule, TIP, (9.0, 9.2, 0.2), "absolute", 0.5)
    np.testing.assert_allclose(above.frequency_shift, absolute.frequency_shift, rtol=1e-4, atol=1e-5)


def test_periodic_structure_is_scanned_over_its_cell_and_repeats():
    atoms = layer(3, seed=4)
    stack = simulate_structure(atoms, TIP, (7.0, 7.1, 0.1), "top_oxygen", 0.3)
    assert scanned_area(atoms).tolist() == [[0.0, 9.0], [0.0, 9.0]]
    assert stack.x.values == pytest.approx(0.15 + 0.3 * np.arange(30)) and stack.sizes["y"] == 30
    atoms.positions[:, 0] += 4.5  # by half of the image
    atoms.wrap()
    moved = simulate_structure(atoms, TIP, (7.0, 7.1, 0.1), "top_oxygen", 0.3)
    difference = stack.frequency_shift.values - np.roll(moved.frequency_shift.values, 15, axis=2)
    assert np.sqrt((difference**2).mean()) < 1e-3 * stack.frequency_shift.values.std()


def test_rectangle_around_an_oblique_cell_is_scanned():
    atoms = Atoms("O", cell=[[6, 0, 0], [-3, 5, 0], [0, 0, 9]], pbc=[True, True, False])
    assert scanned_area(atoms).tolist() == [[-3.0, 6.0], [0.0, 5.0]]


@pytest.mark.parametrize("pbc", [False, [True, False, False]])
def test_other_structures_are_scanned_with_a_margin(molecule, pbc):
    molecule.set_cell([50, 50, 50])
    molecule.set_pbc(pbc)
    np.testing.assert_allclose(scanned_area(molecule), [[-3.8, 3.8], [-3.0, 3.6]])


def test_there_are_at_least_16_pixels(molecule):
    stack = simulate_structure(molecule, TIP, (7.0, 7.1, 0.1), "top_oxygen", pixel_size=5.0)
    assert (stack.sizes["x"], stack.sizes["y"]) == (16, 16)


def test_last_height_is_reached_where_it_is_a_whole_number_of_steps_away():
    assert image_heights(6.2, 8.2, 0.1) == pytest.approx(np.linspace(6.2, 8.2, 21))
    assert image_heights(6.0, 7.0, 0.4) == pytest.approx([6.0, 6.4, 6.8])


@pytest.mark.parametrize("origin", CONTRAST)
def test_heights_by_default_span_what_the_stacks_of_the_films_span(origin):
    first, last, _ = contrast_heights(origin)
    assert last - first == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"heights": (9.0, 7.0, 0.1)}, "must ascend by at least one step, but 9 A, 7 A and a step of 0.1 A do not"),
        ({"heights": (7.0, 9.0, -0.1)}, "the heights must ascend"),
        ({"heights": (7.0, 7.05, 0.1)}, "the heights must ascend"),
        ({"heights": (7.0, np.nan, 0.1)}, "the heights must ascend"),
        ({"heights": (3.0, 4.0, 0.1)}, r"put the probe 2.0 A below the highest atom .* start at 6.0 A or higher"),
        ({"pixel_size": 0.0}, "the size of the pixels must be positive, not 0 A"),
        ({"pixel_size": 1e-4}, "pixels of 0.0001 A make more than 10000 along an edge"),
        ({"pixel_size": 2e-3}, "are too many at a time"),
        ({"heights": (6.0, 8.0, 1e-12)}, "makes more than 1000 images"),
        ({"amplitude": np.nan}, "amplitude must be positive and finite"),
        ({"origin": "substrate"}, "heights above substrate need an atom of a substrate"),
        ({"amplitude": 0.0}, "amplitude must be positive and finite, not 0.0"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(molecule, changes, sentence):
    wanted = {"heights": (7.0, 7.2, 0.1), "origin": "top_oxygen", "pixel_size": 0.5, "amplitude": 1.0} | changes
    with pytest.raises(InputError, match=sentence) as caught:
        simulate_structure(molecule, TIP, **wanted)
    assert "\n" not in str(caught.value)


def test_periodic_cell_without_an_area_is_refused(molecule):
    molecule.set_pbc([True, True, False])
    with pytest.raises(InputError, match="its cell spans no area"):
        simulate_structure(molecule, TIP, (7.0, 7.2, 0.1), "top_oxygen")


@pytest.mark.parametrize("origin", ["substrate", "absolute"])
def test_heights_above_other_origins_must_be_given(origin):
    with pytest.raises(InputError, match=f"not known above {origin}; give the heights"):
        contrast_heights(origin)
