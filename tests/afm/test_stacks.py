"""Stacks of cut windows against the film that they were cut from."""

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from water import layer

from icescope import config
from icescope.afm import Scan, Tip, simulate, stacks
from icescope.afm.heights import ORIGINS
from icescope.afm.stacks import simulate_windows
from icescope.errors import InputError
from icescope.maps.avdw import render_stacks
from icescope.md.topology import water_molecules
from icescope.structures.film import water_film
from icescope.structures.windows import cut_window

TIP = Tip("O", charge=-0.05, lateral_stiffness=0.5, radial_stiffness=20.0, length=4.0)
SIZE, ORIGIN, MARGIN = np.array([25.0, 25.0, 3.0]), np.array([11.0, 23.0, 4.5]), 8.0
MIDDLE = 6.1  # A, height of the second layer of molecules
PIXELS = (np.arange(12) + 0.5) * SIZE[0] / 12
AFM = {
    "pixels": 64,
    "heights": [11.8, 11.9],
    "height_step": 0.1,
    "height_origin": "mean_oxygen",
    "height_offset": -3.8,
    "amplitude": 1.0,
    "f0": 28700.0,
    "k0": 1800.0,
    "tip": {"element": "O", "charge": -0.05, "lateral_stiffness": 0.5, "radial_stiffness": 20.0, "length": 4.0},
}
SCAN = Scan(PIXELS, PIXELS, np.arange(6.6, 10.65, 0.2))  # images at 7.6 to 9.6 A, as at the demo scale


def image(molecules, cell=None):
    charges = [-0.8476, 0.4238, 0.4238] * len(molecules)
    atoms = Atoms("OHH" * len(molecules), molecules.reshape(-1, 3), charges=charges, cell=cell, pbc=cell is not None)
    return simulate(atoms, TIP, SCAN).frequency_shift.values


@pytest.fixture(scope="module")
def film():
    """Molecules (molecule, 3, 3) at uneven heights, with the middle of the window's layer at z = 0, and the cell."""
    film = water_film("Au", [12, 7], layers=1, coverage=25, vapour=20.0, seed=3)
    water = water_molecules(film.get_chemical_symbols()).ravel()
    molecules = film.positions[water].reshape(-1, 3, 3)
    molecules[:, :, 2] += np.random.default_rng(6).uniform(-0.8, 0.8, (len(molecules), 1))
    molecules[:, :, 2] -= MIDDLE
    return molecules, film.cell.lengths()


def test_window_with_margin_looks_like_the_same_slice_of_the_whole_periodic_film(film):
    """Root mean square of the difference, in standard deviations of each image, but for the pixel that differs most.

    There the probe may sit in either of two minima, and which one has no meaning.
    """
    molecules, cell = film
    origin = ORIGIN - [0, 0, MIDDLE]
    assert (SIZE[:2] + 2 * MARGIN > cell[:2]).all()  # so that the margin holds periodic copies
    layer = molecules[(molecules[:, 0, 2] >= origin[2]) & (molecules[:, 0, 2] < origin[2] + SIZE[2])]
    whole = image(layer - [*origin[:2], 0], cell)

    def share(margin):
        window = image(cut_window(molecules, cell, origin, SIZE, margin))
        square = np.sort(((window - whole) ** 2).reshape(len(whole), -1))[:, :-1]
        return np.sqrt(square.mean(1)) / whole.std((1, 2))

    # Measured: at most 0.51 without margin, 0.051 with 4 A, 0.028 with 8 A, 0.013 with 16 A.
    assert share(MARGIN).max() < 0.04
    assert share(16.0).max() < 0.015
    assert share(0.0).min() > 0.2  # the context matters


def windows_of(layers, size):
    """A "windows" store of layers of water."""
    return xr.Dataset(
        {
            "position": (("atom", "xyz"), np.concatenate([one.positions for one in layers]).astype(np.float32)),
            "number": ("atom", np.concatenate([one.numbers for one in layers])),
            "charge": ("atom", np.concatenate([one.get_initial_charges() for one in layers])),
            "molecule": ("atom", np.concatenate([np.arange(len(one)) // 3 for one in layers])),
            "atom_count": ("sample", [len(one) for one in layers]),
        },
        attrs={"window_size": [size, size, 3.0]},
    )


@pytest.fixture
def high_layer():
    """A window with its oxygens around 3 A above the metal, whose margin holds the highest molecule."""
    atoms = layer(5, seed=2, roughness=0.4)
    atoms.positions[:, 2] += 3.0
    atoms.positions[-3:] += [3.0, 3.0, 1.0]  # beyond the window
    return atoms


@pytest.mark.parametrize("origin", ORIGINS)
def test_heights_count_from_the_origin(high_layer, origin):
    """The stack is that of a scan at the heights above the plane that the origin names, worked out here by hand."""
    inside = high_layer.positions[:-3:3, 2]
    plane = {"mean_oxygen": inside.mean(), "top_oxygen": inside.max(), "substrate": 0.0}[origin]
    afm = AFM | {"pixels": 16, "height_origin": origin, "height_offset": -0.5 if origin == "substrate" else -3.8}
    made = simulate_windows(windows_of([high_layer], 15.0), afm)
    assert float(made.origin_height[0]) == pytest.approx(plane, abs=1e-5)
    high_layer.pbc = False
    pixels = (np.arange(16) + 0.5) * 15 / 16
    heights = plane + 11.8 + afm["height_offset"] + np.arange(-1, 1.15, 0.1)
    expected = simulate(high_layer, TIP, Scan(pixels, pixels, heights)).frequency_shift.values
    np.testing.assert_allclose(made.frequency_shift.values[0], expected, rtol=2e-3, atol=2e-3)


def test_layer_too_high_for_heights_above_the_metal_is_refused(high_layer):
    high_layer.positions[:, 2] += 3.0
    with pytest.raises(InputError, match=r"heights above substrate put the probe 0\.\d A above the mean oxygen"):
        simulate_windows(windows_of([high_layer], 15.0), AFM | {"height_origin": "substrate", "height_offset": 0.0})
    assert stacks.LEAST_PROBE_HEIGHT == config.LEAST_PROBE_HEIGHT


def test_label_lies_on_the_contrast_that_it_comes_from():
    """Over many oxygens of flat layers, images are brightest where the label's oxygen discs are, not beside them."""
    atoms = [layer(8, seed=seed, spacing=3.1, roughness=0.2) for seed in range(6)]
    made = simulate_windows(windows_of(atoms, 24.8), AFM)
    np.testing.assert_allclose(made.height, [11.8, 11.9])
    images = made.frequency_shift.values[:, 0].astype(float)
    discs = 1 - render_stacks(made, {"disc_radius": {"O": 0.75, "H": 0.0}, "pose_bound": 0.7}).numpy()[:, 1]
    shifts = range(-3, 4)
    agreement = [[(np.roll(discs, (i, j), (1, 2)) * images).sum() for j in shifts] for i in shifts]
    assert np.unravel_index(np.argmax(agreement), (7, 7)) == (3, 3)
