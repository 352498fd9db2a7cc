import numpy as np
import pytest
from ase import Atoms
from water import layer

from icescope.afm import Scan, Tip, simulate
from icescope.errors import InputError

X = np.arange(0.5, 9, 1.0)
HEIGHTS = np.arange(6.9, 10.05, 0.1)
TIP = Tip()
# Hz. Where whole cells stop being summed differs between equivalent scans and cells. The field of a layer of dipoles
# beyond R falls as 1/R only, and these random layers have a net dipole of several molecules.
DIPOLE_SUM = 5e-2


def images(atoms, x=X, y=X, **options):
    return simulate(atoms, TIP, Scan(x, y, HEIGHTS), **options)


@pytest.fixture(scope="module")
def water():
    return layer(4, seed=8)


@pytest.fixture(scope="module")
def reference(water):
    return images(water).frequency_shift


def test_periodic_structure_gives_periodic_images(water, reference):
    side = water.cell[0, 0]
    moved = images(water, X + 2 * side, X - side).frequency_shift
    np.testing.assert_allclose(moved, reference, atol=DIPOLE_SUM)


def test_supercell_gives_the_images_of_its_cell(water, reference):
    np.testing.assert_allclose(images(water.repeat((2, 3, 1))).frequency_shift, reference, atol=DIPOLE_SUM)


def test_periodic_images_matter(water, reference):
    alone = water.copy()
    alone.pbc = False
    assert np.abs(images(alone).frequency_shift - reference).max() > 4 * DIPOLE_SUM


def test_order_of_atoms_does_not_matter(water, reference):
    shuffled = water[np.random.default_rng(9).permutation(len(water))]
    np.testing.assert_allclose(images(shuffled).frequency_shift, reference, atol=2e-3)


def test_mirrored_structure_gives_mirrored_images(water):
    water = water.copy()
    water.pbc = False
    mirrored = water.copy()
    mirrored.positions[:, 0] *= -1
    expected = images(water).frequency_shift.values[:, :, ::-1]
    np.testing.assert_allclose(images(mirrored, x=-X[::-1]).frequency_shift, expected, atol=2e-3)


def test_structure_in_a_batch_of_different_sizes_gives_what_it_gives_alone(water, reference):
    batch = images([layer(3, seed=10), water]).frequency_shift
    assert batch.dims == ("sample", "height", "y", "x")
    np.testing.assert_allclose(batch[1], reference, atol=2e-3)


def test_single_atom_under_a_stiff_tip_against_the_force_on_axis():
    # Right above one neutral atom the probe moves along z alone; a very stiff spring keeps it 4 A below the anchor.
    tip = Tip(charge=0.0, radial_stiffness=1e5)
    result = simulate(Atoms("O"), tip, Scan([0.0], [0.0], HEIGHTS), amplitude=0.5, details=True)
    r = HEIGHTS - 4
    epsilon, minimum = 0.009106, 2 * 1.6612
    force = 12 * epsilon / r * ((minimum / r) ** 12 - (minimum / r) ** 6)
    np.testing.assert_allclose(result.force[:, 0, 0], force, atol=1e-4)
    gradient = np.gradient(force, HEIGHTS)[5:-5]
    # For a small amplitude the shift is -f0 k / (2 k0); at 0.5 A the curvature of the steep wall still adds some.
    small = -28700 / (2 * 1800) * 16.0217662 * gradient
    far = result.height.values > 8.5
    np.testing.assert_allclose(result.frequency_shift.values[far, 0, 0], small[far], rtol=0.1, atol=0.02)


def test_oxygen_repels_close_and_attracts_far(reference):
    assert float(reference[0].max()) > 1.0  # Hz: Pauli repulsion above the oxygens
    assert float(reference[-1].mean()) < 0.0


def test_details_report_forces_positions_and_convergence(water):
    result = images(water, details=True)
    assert result.probe_position.dims == ("tip_height", "y", "x", "xyz")
    assert bool(result.converged.all()) and int(result.unconverged) == 0
    np.testing.assert_allclose(result.probe_position[-1, ..., 2], HEIGHTS[-1] - TIP.length, atol=0.1)
    for variable in result.data_vars.values():
        assert "units" in variable.attrs


def test_bad_input_is_one_sentence(water):
    with pytest.raises(InputError, match="no structures"):
        images([])
    with pytest.raises(InputError, match="no atoms"):
        images(Atoms())
    charged = water.copy()
    charged.set_initial_charges(charged.get_initial_charges() + 0.01)
    with pytest.raises(InputError, match=r"periodic cell carries a charge of \+0.480 e"):
        images(charged)
    with pytest.raises(InputError, match="scan's x must be ascending"):
        Scan([1.0, 0.0], X, HEIGHTS)
    with pytest.raises(InputError, match="scan's tip_height must be a 1-D array of finite numbers"):
        Scan(X, X, [np.nan])
    flat = water.copy()
    flat.cell = [0, 0, 0]
    with pytest.raises(InputError, match="its cell has no length"):
        images(flat)
