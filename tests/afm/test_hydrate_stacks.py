"""Stacks of hydrates: the potential takes the charges' place, failures are left out, heights count from the layer."""

import numpy as np
import pytest
import xarray as xr

from icescope import storage
from icescope.afm.hydrate_stacks import compare_electrostatics, point_charge_potential, simulate_hydrates, with_waters
from icescope.errors import InputError
from icescope.learning.data import Stacks, draw_maps, read_stacks
from icescope.structures import hydrate_sets
from icescope.structures.hydrate_sets import relaxed_hydrates
from icescope.structures.layer import LAYER
from icescope.structures.samples import atoms_of

AFM = {
    "pixels": 32,
    "heights": [11.4, 12.4],
    "height_step": 0.2,
    "height_origin": "mean_oxygen",
    "height_offset": -3.8,
    "amplitude": 1.0,
    "f0": 28700.0,
    "k0": 1800.0,
    "tip": {
        "element": "O",
        "charge": -0.05,
        "multipole": "monopole",
        "lateral_stiffness": 0.5,
        "radial_stiffness": 20.0,
        "length": 4.0,
    },
}
MEMBERS = {"ion": "Na", "substrate": "NaCl"}
HYDRATES = {"anneal_temperature": 100.0, "anneal": 0.0}
DZ2 = AFM | {"tip": AFM["tip"] | {"multipole": "dz2"}}


@pytest.fixture(scope="module")
def structures():
    """Three hydrates as they are built, of 3, 4 and 4 waters; the last has a water that stands above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hydrate_sets, "relax_hydrate", lambda atoms, *_: atoms)
        made = relaxed_hydrates(range(2), MEMBERS | {"waters": [3, 4]}, HYDRATES, [25.0, 25.0, 3.0], None, seed=1)
        high = relaxed_hydrates(range(1), MEMBERS | {"waters": [5]}, HYDRATES, [25.0, 25.0, 3.0], None, seed=2)
    return xr.Dataset(
        {n: xr.concat([made[n], high[n]], "atom" if "atom" in made[n].dims else "sample") for n in made.data_vars},
        attrs=made.attrs,
    )


@pytest.fixture(scope="module")
def potentials(structures):
    """The potentials of the point charges themselves, in the form of those from DFT."""
    x = y = np.arange(-1, 26.1, 0.25)
    z = np.arange(2.0, 7.6, 0.25)
    slabs = [
        point_charge_potential(atoms_of(structures, i), x, y, z + float(structures.layer_height[i]))
        for i in range(structures.sizes["sample"])
    ]
    return xr.Dataset(
        {
            "potential": (("sample", "x", "y", "z"), np.array(slabs, np.float32), {"units": "V"}),
            "converged": ("sample", np.full(len(slabs), True)),
            "layer_height": structures.layer_height,
        },
        {"x": x, "y": y, "z": z},
    )


@pytest.mark.parametrize("afm", [AFM, DZ2, AFM | {"height_origin": "top_oxygen"}], ids=["monopole", "dz2", "top"])
def test_the_charges_own_potential_gives_the_same_images_as_the_charges(structures, potentials, afm):
    """Up to single precision and half precision, but for points where the probe may sit in either of two minima."""
    dft, charges = (simulate_hydrates(structures, potentials, afm, kind) for kind in ("dft", "charges"))
    assert (dft.attrs["electrostatics"], charges.attrs["electrostatics"]) == ("dft", "charges")
    np.testing.assert_array_equal(dft.origin_height, charges.origin_height)
    difference = np.abs(dft.frequency_shift.astype(float) - charges.frequency_shift.astype(float))
    assert np.percentile(difference, 99) < 0.004
    none = simulate_hydrates(structures, potentials.assign(potential=0 * potentials.potential), afm, "dft")
    assert np.percentile(np.abs(none.frequency_shift - charges.frequency_shift), 99) > 0.1  # it matters


def test_heights_count_from_the_layer(structures, potentials):
    made = simulate_hydrates(structures, potentials, AFM, "charges")
    tops = [max(atoms.positions[atoms.numbers == 8, 2]) for atoms in (atoms_of(structures, i) for i in range(3))]
    np.testing.assert_allclose(made.origin_height, structures.layer_height)
    assert float(made.origin_height[2]) == pytest.approx(tops[2] - LAYER, abs=1e-4)
    np.testing.assert_allclose(made.height, np.arange(11.4, 12.41, 0.2))


def test_structures_without_a_potential_are_in_neither_stack(structures, potentials):
    broken = potentials.copy(deep=True)
    broken.converged[1] = False
    broken.potential[1] = np.nan
    for kind in ("dft", "charges"):
        made = simulate_hydrates(structures, broken, AFM, kind)
        assert made.member.values.tolist() == [0, 0] and made.atom_count.values.tolist() == [10, 16]
        np.testing.assert_array_equal(atoms_of(made, 1).positions, atoms_of(structures, 2).positions)
        assert np.isfinite(made.frequency_shift).all()
    with pytest.raises(InputError, match="none of these structures has a potential"):
        simulate_hydrates(structures, broken.assign(converged=("sample", [False] * 3)), AFM, "dft")


def test_stores_are_read_for_learning_with_the_ion_in_the_label(structures, potentials, tmp_path):
    labels = {"disc_radius": {"O": 0.75, "H": 0.55, "Na": 1.0}, "pose_bound": 0.7}
    paths = [tmp_path / f"{kind}.zarr.zip" for kind in ("dft", "charges")]
    for path in paths:
        storage.write(simulate_hydrates(structures, potentials, AFM, path.name.split(".")[0]), path, "afm_stacks", {})
    data = Stacks(read_stacks(paths), labels)
    maps = draw_maps("avdw", data[list(range(6))], data.pixel_size, labels)
    assert data.images.shape == (6, 6, 32, 32) and maps.shape == (6, 3, 32, 32)
    row, column = (atoms_of(structures, 0).positions[0, [1, 0]] * 32 / 25).astype(int)
    red, green, blue = maps[0, :, row, column].tolist()
    assert blue > red > green  # indigo
    assert (maps[0] == maps[3]).all()  # the same structures with either electrostatics


def test_comparison_is_of_one_structure_and_vanishes_for_its_own_charges(structures, potentials):
    sample = with_waters(structures, 4)
    one = compare_electrostatics(structures, potentials, sample, AFM)
    assert sample == 1 and one.sizes["atom"] == 13
    np.testing.assert_allclose(one.height[[0, -1]], [7.6, 8.6])
    np.testing.assert_allclose(one.tip_height[[0, -1]], [6.6, 9.6])
    charges, dft = (one.sel(electrostatics=kind) for kind in ("charges", "dft"))
    np.testing.assert_allclose(dft.potential, charges.potential, atol=2e-3)
    assert np.percentile(np.abs(dft.force - charges.force), 99) < 2e-4
    stacks = simulate_hydrates(structures, potentials, AFM, "dft").frequency_shift[1]
    np.testing.assert_allclose(dft.frequency_shift, stacks, atol=0.02)
    place = one.position.values[0]  # the potential is above the ion, where the free probe is
    nearest = charges.potential.sel(x=place[0], y=place[1], method="nearest")[0]
    assert float(charges.potential[0].max()) < float(nearest) * 1.3
    with pytest.raises(InputError, match="none of the hydrates that have a potential has 7 waters"):
        with_waters(structures, 7)


def test_potentials_of_other_structures_are_refused(structures, potentials):
    with pytest.raises(InputError, match="not of these structures"):
        simulate_hydrates(structures, potentials.isel(sample=[0, 1]), AFM, "dft")
    with pytest.raises(InputError, match="not of these structures"):
        simulate_hydrates(structures, potentials.assign(layer_height=potentials.layer_height + 0.1), AFM, "dft")
    with pytest.raises(InputError, match="must be one of dft, charges, not 'DFT'"):
        simulate_hydrates(structures, potentials, AFM, "DFT")


def test_a_potential_that_does_not_reach_the_probe_is_refused(structures, potentials):
    with pytest.raises(InputError, match="along z, but the probe goes from"):
        simulate_hydrates(structures, potentials.isel(z=slice(4, None)), AFM, "dft")
