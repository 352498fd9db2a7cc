import numpy as np
import pytest
import torch
import xarray as xr
from ase import Atoms
from water import layer

from icescope.afm import Scan, Tip, simulate, simulation
from icescope.afm.tip import Springs, spring_force_and_hessian
from icescope.errors import InputError

X = np.arange(0.5, 9, 1.0)
HEIGHTS = np.arange(6.9, 10.05, 0.1)
TIP = Tip()
# Hz: single precision, and steps that end on either side of the relaxation's threshold.
ROUNDING = 5e-4


def images(atoms, x=X, y=X, **options):
    return simulate(atoms, TIP, Scan(x, y, HEIGHTS), **options)


@pytest.fixture(scope="module")
def water():
    return layer(4, seed=8)


@pytest.fixture(scope="module")
def reference(water):
    return images(water).frequency_shift


def test_shifted_structure_and_scan_give_the_same_images(water, reference):
    moved = water.copy()
    moved.translate([3.3, -7.1, 25.0])
    result = simulate(moved, TIP, Scan(X + 3.3, X - 7.1, HEIGHTS + 25.0)).frequency_shift
    np.testing.assert_allclose(result, reference, atol=ROUNDING)


@pytest.mark.parametrize("multipole", ["monopole", "dz2"])
def test_turned_structure_gives_turned_images(water, multipole):
    tip = Tip(multipole=multipole, charge=-0.1)
    x = np.arange(-4, 4.5, 1.0)
    straight, turned = water.copy(), water.copy()
    straight.translate([-6.0, -6.0, 0.0])
    turned.translate([-6.0, -6.0, 0.0])
    turned.positions[:, :2] = np.stack([-turned.positions[:, 1], turned.positions[:, 0]], axis=1)
    turned.pbc = straight.pbc = False
    scan = Scan(x, x, HEIGHTS)
    # x' = -y and y' = x: the turned image at (y', x') is the straight one at (y = -x', x = y').
    expected = simulate(straight, tip, scan).frequency_shift.values[:, ::-1, :].swapaxes(1, 2)
    np.testing.assert_allclose(simulate(turned, tip, scan).frequency_shift, expected, atol=ROUNDING)


def test_order_of_atoms_does_not_matter(water, reference):
    shuffled = water[np.random.default_rng(9).permutation(len(water))]
    np.testing.assert_allclose(images(shuffled).frequency_shift, reference, atol=ROUNDING)


def test_mirrored_structure_gives_mirrored_images(water):
    water = water.copy()
    water.pbc = False
    mirrored = water.copy()
    mirrored.positions[:, 0] *= -1
    expected = images(water).frequency_shift.values[:, :, ::-1]
    np.testing.assert_allclose(images(mirrored, x=-X[::-1]).frequency_shift, expected, atol=ROUNDING)


def test_structure_in_a_batch_of_different_sizes_gives_what_it_gives_alone(water, reference):
    batch = images([layer(3, seed=10), water]).frequency_shift
    assert batch.dims == ("sample", "height", "y", "x")
    np.testing.assert_allclose(batch[1], reference, atol=ROUNDING)


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


def test_far_tip_feels_nothing(water):
    alone = water.copy()
    alone.pbc = False
    far = simulate(alone, TIP, Scan(X, X, HEIGHTS + 500.0), amplitude=0.5, details=True)
    assert np.abs(far.frequency_shift).max() < 1e-3
    # The free probe hangs at rest; single precision has 1e-6 A at these distances.
    np.testing.assert_allclose(far.probe_position[0, 3, 5], [X[5], X[3], HEIGHTS[0] + 500 - TIP.length], atol=2e-5)


@pytest.mark.parametrize("multipole", ["monopole", "dz2"])
def test_single_charge_under_a_stiff_tip_against_coulombs_law(multipole):
    # Stiff springs keep the probe 4 A below the anchor; hydrogen's Lennard-Jones force is known and taken off.
    tip = Tip(charge=-0.3, multipole=multipole, radial_stiffness=1e5, lateral_stiffness=1e4)
    heights = np.arange(9.0, 12.0, 0.25)
    scan = Scan([0.0, 1.5], [0.0], heights)
    charged, neutral = (
        simulate(Atoms("H", charges=[q]), tip, scan, 0.5, details=True, method="reference").force[:, 0].values
        for q in (0.7, 0.0)
    )
    x, z = scan.x, heights[:, None] - 4
    r = np.sqrt(x**2 + z**2)
    if multipole == "monopole":
        expected = 14.399645 * -0.3 * 0.7 * z / r**3
    else:  # minus d/dz of Q q k (3 z^2 / r^5 - 1 / r^3)
        expected = 14.399645 * -0.3 * 0.7 * (15 * z**3 / r**7 - 9 * z / r**5)
    # The springs give way by some 1e-5 A.
    np.testing.assert_allclose(charged - neutral, expected, atol=1e-5)


@pytest.mark.parametrize("multipole", ["monopole", "dz2"])
def test_potential_on_a_grid_gives_what_its_charges_give(water, multipole):
    alone = water.copy()
    alone.pbc = False
    axes = [np.arange(-1.0, 10.6, 0.25), np.arange(-1.0, 10.6, 0.25), np.arange(1.9, 7.1, 0.25)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = sum(
        14.399645 * q / np.linalg.norm(points - at, axis=-1)
        for q, at in zip(alone.get_initial_charges(), alone.positions, strict=True)
    )
    potential = xr.DataArray(values, coords=list(zip("xyz", axes, strict=True)), attrs={"units": "V"})
    tip = Tip(charge=-0.1, multipole=multipole)
    scan = Scan(X, X, HEIGHTS)
    expected = simulate(alone, tip, scan, details=True)
    uncharged = alone.copy()
    uncharged.set_initial_charges(None)
    for order in (("x", "y", "z"), ("z", "y", "x")):
        found = simulate(uncharged, tip, scan, potential=potential.transpose(*order), details=True)
        assert int(found.unconverged) == 0
        # The cubic spline's error at 0.25 A, 2 A and more above the hydrogens; a dz2 tip takes two derivatives more.
        np.testing.assert_allclose(found.force, expected.force, atol={"monopole": 3e-5, "dz2": 3e-4}[multipole])
    both = simulate([uncharged, uncharged[:24]], tip, scan, potential=[potential, potential[:-2, 3:]])
    np.testing.assert_array_equal(both.frequency_shift[0], found.frequency_shift)


def test_probe_that_leaves_the_potential_is_marked(water):
    alone = water.copy()
    alone.pbc = False
    axes = [np.arange(0.5, 8.6, 0.5), np.arange(0.5, 8.6, 0.5), np.arange(2.5, 7, 0.5)]
    nothing = xr.DataArray(np.zeros([len(axis) for axis in axes]), coords=list(zip("xyz", axes, strict=True)))
    scan = Scan(X, X, HEIGHTS)
    result = simulate(alone, TIP, scan, potential=nothing, details=True)
    beyond = (result.probe_position < [0.5, 0.5, 2.5]) | (result.probe_position > [8.5, 8.5, 6.5])
    np.testing.assert_array_equal(result.converged, ~beyond.any("xyz"))
    assert 0 < int(result.unconverged) == int((~result.converged).sum())


def test_probe_that_flips_above_its_anchor_is_marked():
    # The spring is as long above the anchor as below it, and a strong charge on soft springs drives the probe there.
    strong = Tip(charge=0.5)
    alone = layer(5, seed=1)
    alone.pbc = False
    scan = Scan(np.arange(0, 15, 0.5), np.arange(0, 15, 0.5), np.arange(7.5, 9.5, 0.1))
    for method in ("numba", "torch"):
        result = simulate(alone, strong, scan, 0.5, details=True, method=method)
        above = result.probe_position.isel(xyz=2) > result.tip_height
        assert above.any() and not result.converged.where(above, False).any()


@pytest.mark.parametrize(("method", "tolerance"), [("reference", 1e-9), ("numba", 5e-5)])
def test_springs_pull_the_tip_as_the_sample_pushes_the_probe(water, method, tolerance):
    # Newton's third law: the force reported is the sample's on the probe, the springs' is that by their stretch.
    result = images(water, details=True, method=method)
    probe = torch.tensor(result.probe_position.values, dtype=torch.float64)
    height, y, x = xr.broadcast(result.tip_height, result.y, result.x)
    anchor = torch.tensor(np.stack([x, y, height], axis=-1))
    spring, _ = spring_force_and_hessian(probe, anchor, Springs.of(TIP))
    np.testing.assert_allclose(result.force, -spring[2], atol=tolerance)


def test_stiff_springs_leave_the_force_exact(water):
    alone = water.copy()
    alone.pbc = False
    tip = Tip(radial_stiffness=1000.0)
    scan = Scan(X, X, HEIGHTS)
    exact = simulate(alone, tip, scan, 0.5, method="reference").frequency_shift
    error = np.abs(simulate(alone, tip, scan, 0.5).frequency_shift - exact)
    assert error.quantile(0.99) < 1e-3 and error.max() < 2e-2  # taken from the spring's stretch: 5e-3 and more


def test_coarse_heights_are_reached_as_fine_ones(water):
    alone = water.copy()
    alone.pbc = False
    fine = simulate(alone, TIP, Scan(X, X, np.arange(6.4, 10.5, 0.1)), 1.0, details=True)
    coarse = simulate(alone, TIP, Scan(X, X, np.arange(6.4, 10.5, 1.0)), 1.0, details=True)
    assert coarse.sizes["tip_height"] == 5 and coarse.sizes["height"] == 3
    np.testing.assert_allclose(coarse.force, fine.force[::10], atol=2e-5)


def test_large_neighbour_in_a_batch_does_not_slow_a_small_structure():
    small, large = layer(2, seed=1), layer(20, seed=2)
    small.pbc = large.pbc = False
    scan = Scan(X, X, HEIGHTS)
    images_of = lambda atoms: simulate(atoms, TIP, scan).frequency_shift  # noqa: E731
    both = images_of([small, large])
    np.testing.assert_array_equal(both[0], images_of(small))


def test_heights_are_those_at_which_the_whole_oscillation_fits(water):
    result = images(water, amplitude=0.5)
    np.testing.assert_allclose(result.height, HEIGHTS[5:-5])


def test_many_structures_are_simulated_in_parts(water, reference, monkeypatch):
    monkeypatch.setitem(simulation.CHUNK, "cpu", 2 * len(HEIGHTS) * len(X) ** 2)
    result = images([layer(3, seed=10), water, layer(2, seed=3), water, water])
    assert result.sizes["sample"] == 5 and result.unconverged.dims == ("sample",)
    np.testing.assert_array_equal(result.frequency_shift[1], result.frequency_shift[4])
    np.testing.assert_allclose(result.frequency_shift[1], reference, atol=ROUNDING)


def test_method_is_named_in_the_log_once(water, caplog):
    simulation._say.cache_clear()
    with caplog.at_level("INFO", logger="icescope.afm.simulation"):
        images(water)
        images(water)
    assert [record.message.split(" on ")[0] for record in caplog.records] == ["probe relaxation: numba"]


@pytest.mark.parametrize("threads", [1, 2])
def test_number_of_threads_changes_neither_images_nor_itself(water, reference, threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        np.testing.assert_array_equal(images(water).frequency_shift, reference)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def changed(atoms, **changes):
    atoms = atoms.copy()
    for name, value in changes.items():
        setattr(atoms, name, value)
    return atoms


def test_structure_that_cannot_be_used_is_one_sentence(water):
    cases = {
        "no structures": [],
        "a structure has no atoms": Atoms(),
        "no Lennard-Jones parameters for Xe": Atoms("Xe"),
        "its cell has no length": changed(water, cell=[0, 0, 0]),
        "leave the plane of x and y": changed(water, cell=[[12, 0, 3], [0, 12, 0], [0, 0, 20]]),
        "must lie in the plane of x and y": changed(water, cell=[[0, 0, 12], [0, 12, 0], [20, 0, 0]]),
        "cell holds values that are not numbers": changed(water, cell=[np.nan, 12, 20]),
        "its cell has no height": changed(water, cell=[12, 12, 0], pbc=True),
        "third periodic direction is not along z": changed(water, cell=[[12, 0, 0], [0, 12, 0], [5, 0, 20]], pbc=True),
        r"repeats along z: its next image begins at 7.0 A": changed(water, cell=[12, 12, 8], pbc=True),
    }
    charges = water.get_initial_charges()
    for message, change in {
        r"periodic cell carries a charge of \+0.480 e": charges + 0.01,
        r"atom 3 \(O\) has a charge that is not a number": np.where(np.arange(48) == 3, np.nan, charges),
    }.items():
        cases[message] = water.copy()
        cases[message].set_initial_charges(change)
    for message, position in {
        r"atom 4 \(H\) has a position that is not a number": [np.nan, 0, 0],
        r"atoms 4 \(H\) and 9 \(O\) are only 0.10 A apart": water.positions[9] + [0, 0, 0.1],
        r"atoms 0 \(O\) and 4 \(H\) of a periodic image are only 0.10 A apart": water.positions[0] + [12.0, 0, 0.1],
        r"starts inside an atom at x = 4.0, y = 4.0, z = 5.0 A; raise the tip": [4.0, 4.0, 5.0],
    }.items():
        cases[message] = water.copy()
        cases[message].positions[4] = position
    cases[r"sum to [+-]0.000 e, but the structure's charge is stated as \+1 e"] = cases["stated"] = water.copy()
    cases.pop("stated").info["charge"] = 1
    for stated in ("neutral", [0, 0], None):
        cases[f"stated charge is {stated!r}; it must be one number".replace("[", r"\[")] = water.copy()
        list(cases.values())[-1].info["charge"] = stated
    cases.popitem()
    for message, atoms in cases.items():
        with pytest.raises(InputError, match=message) as error:
            images(atoms)
        assert str(error.value).count("\n") == 0


def test_structure_that_is_periodic_along_z_with_room_for_the_tip_is_one_layer(water, reference):
    np.testing.assert_array_equal(images(changed(water, pbc=True)).frequency_shift, reference)


def test_scan_and_method_that_cannot_be_used_are_one_sentence(water):
    with pytest.raises(InputError, match="scan's x must be ascending"):
        Scan([1.0, 0.0], X, HEIGHTS)
    with pytest.raises(InputError, match="scan's tip_height must be ascending"):
        Scan(X, X, HEIGHTS[::-1])
    with pytest.raises(InputError, match="scan's tip_height must be a 1-D array of finite numbers"):
        Scan(X, X, [np.nan])
    with pytest.raises(InputError, match="method must be one of fastest, numba"):
        images(water, method="fire")
    with pytest.raises(InputError, match="does not fit into tip heights from"):
        images(water, amplitude=5.0)
    for name, value in (("amplitude", np.nan), ("f0", -28700.0), ("k0", 0.0)):
        with pytest.raises(InputError, match=f"{name} must be positive and finite, not {value}"):
            images(water, **{name: value})
    with pytest.raises(InputError, match="starts below the atom at .* raise the tip"):
        simulate(water, TIP, Scan(X, X, HEIGHTS - 9.0))


def test_data_set_with_a_potential_serves_as_the_potential(water):
    axes = {"x": np.arange(0, 12.5, 0.5), "y": np.arange(0, 12.5, 0.5), "z": np.arange(2, 8, 0.5)}
    values = 0.1 * np.random.default_rng(2).normal(size=[len(axis) for axis in axes.values()])
    grid = xr.Dataset({"potential": (("x", "y", "z"), values, {"units": "V"}), "field": ("xyz", np.zeros(3))}, axes)
    expected = images(water, potential=grid.potential).frequency_shift
    for given, atoms in ((grid, water), ([grid, grid.potential], [water, water])):
        found = images(atoms, potential=given).frequency_shift
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=ROUNDING)


def test_potential_that_cannot_be_used_is_one_sentence(water):
    axes = {"x": np.arange(0, 12.5, 0.5), "y": np.arange(0, 12.5, 0.5), "z": np.arange(2, 8, 0.5)}
    good = xr.DataArray(np.zeros([len(axis) for axis in axes.values()]), axes)
    cases = {
        "2 potentials were given for 1 structures": [good, good],
        "or a Dataset with one named potential": xr.Dataset({"field": good}),
        "must be an xarray.DataArray": [good.values],
        "must have the dimensions x, y, z, not x, y, height": good.rename(z="height"),
        "must be in V, not eV": good.assign_attrs(units="eV"),
        "evenly spaced, ascending values along y": good.assign_coords(y=axes["y"] ** 2),
        "5 evenly spaced, ascending values along z or more": good.isel(z=slice(4)),
        r"reaches from 2.00 to 4.50 A along z, but the probe goes from 2.90 to 6.00 A": good.isel(z=slice(6)),
        "holds values that are not numbers": good.where(good.x != 3.0),
    }
    for message, potential in cases.items():
        with pytest.raises(InputError, match=message):
            images(water, potential=potential)
