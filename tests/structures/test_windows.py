"""Windows cut from film trajectories."""

from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
import yaml
from ase import Atoms

from icescope.errors import InputError
from icescope.md.topology import water_molecules
from icescope.md.trajectory import write_frames, write_topology
from icescope.storage import read, write
from icescope.structures.film import water_film
from icescope.structures.samples import atoms_of
from icescope.structures.windows import cut_window, cut_windows

WINDOWS = {"size": [12.0, 11.0, 3.0], "margin": 3.0, "per_trajectory": 30, "minimum_molecules": 4}
FRAMES = 3


@pytest.fixture(scope="module")
def film():
    return water_film("Pt", [7, 4], layers=2, coverage=25, vapour=20.0, seed=3)


def frames_of(film):
    """Some frames: each molecule moved as a whole by a random vector."""
    rng = np.random.default_rng(4)
    water = water_molecules(film.get_chemical_symbols()).ravel()
    frames = np.repeat(film.positions[None], FRAMES, axis=0)
    frames[:, water] += np.repeat(rng.normal(0, 0.4, (FRAMES, len(water) // 3, 3)), 3, axis=1)
    return frames


@pytest.fixture(scope="module")
def files(film, tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    write_topology(film, folder / "film.pdb")
    write_frames(film, frames_of(film), np.array([film.cell.array] * 3), np.array([0.5, 1.0, 1.5]), folder / "film.xtc")
    return folder / "film.pdb", folder / "film.xtc"


@pytest.fixture(scope="module")
def dataset(files):
    return cut_windows(*files, WINDOWS, seed=1)


def samples(dataset):
    return [atoms_of(dataset, sample) for sample in range(dataset.sizes["sample"])]


def test_every_molecule_is_whole_and_charged(dataset):
    for atoms in samples(dataset):
        assert atoms.get_chemical_symbols() == [*"OHH"] * (len(atoms) // 3)
        molecules = atoms.positions.reshape(-1, 3, 3)
        np.testing.assert_allclose(np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1), 1.0, atol=4e-3)
        assert atoms.get_initial_charges().sum() == pytest.approx(0, abs=1e-4)
        assert not atoms.pbc.any()
        np.testing.assert_allclose(atoms.cell.lengths(), WINDOWS["size"])


def test_dataset_is_as_agreed(dataset, tmp_path):
    kinds = {
        "position": (("atom", "xyz"), "float32", "A"),
        "number": (("atom",), "uint8", "1"),
        "charge": (("atom",), "float32", "e"),
        "molecule": (("atom",), "int32", "1"),
        "atom_count": (("sample",), "int32", "1"),
        "origin": (("sample", "xyz"), "float32", "A"),
        "frame": (("sample",), "int32", "1"),
        "time": (("sample",), "float32", "ps"),
    }
    assert set(dataset.data_vars) == set(kinds)
    for name, (dims, kind, units) in kinds.items():
        assert (dataset[name].dims, str(dataset[name].dtype), dataset[name].units) == (dims, kind, units)
    assert dataset.attrs["window_size"] == WINDOWS["size"] and dataset.attrs["margin"] == WINDOWS["margin"]
    assert dataset.sizes["sample"] == WINDOWS["per_trajectory"]
    assert int(dataset["atom_count"].sum()) == dataset.sizes["atom"]
    np.testing.assert_allclose(dataset["time"], 0.5 * (dataset["frame"] + 1))
    write(dataset, tmp_path / "w.zarr.zip", kind="windows", provenance={})
    back = read(tmp_path / "w.zarr.zip", kind="windows")
    np.testing.assert_array_equal(back["position"], dataset["position"])
    assert back.attrs["window_size"] == WINDOWS["size"]


def test_molecules_count_from_zero_in_each_sample(dataset):
    ends = np.cumsum(dataset["atom_count"])
    for end, count in zip(ends.values, dataset["atom_count"].values, strict=True):
        mine = dataset["molecule"].values[end - count : end]
        np.testing.assert_array_equal(mine, np.repeat(np.arange(count // 3), 3))


def test_windows_hold_the_same_atoms_as_a_search_over_all_images(film, dataset):
    """Brute force: all images of every molecule of the frame, kept where the oxygen is in window and margin."""
    assert_all_images(film, dataset, WINDOWS["margin"])


@pytest.mark.parametrize("margin", [5.0, 9.0, 25.0])
def test_margin_wider_than_the_cell_holds_every_periodic_copy(film, files, margin):
    width, depth, _ = film.cell.lengths()
    size = WINDOWS["size"]
    assert size[0] + 2 * margin > width and size[1] + 2 * margin > depth
    dataset = cut_windows(*files, WINDOWS | {"margin": margin, "per_trajectory": 10}, seed=1)
    assert_all_images(film, dataset, margin)
    test_molecules_count_from_zero_in_each_sample(dataset)
    for atoms in samples(dataset):  # inside the window itself there is no molecule twice
        x, y, _ = atoms.positions[::3].T
        inside = atoms.positions[::3][(x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])]
        gap = (inside[:, None] - inside) / film.cell.lengths()
        gap[..., :2] -= np.round(gap[..., :2])
        assert (np.linalg.norm(gap, axis=-1) < 1e-3).sum() == len(inside)


def test_window_as_large_as_the_cell_holds_each_molecule_once(film):
    water = water_molecules(film.get_chemical_symbols()).ravel()
    molecules, cell = film.positions[water].reshape(-1, 3, 3), film.cell.lengths()
    for origin in ([0, 0, 0], [3.3, 12.1, 0]):
        assert len(cut_window(molecules, cell, np.array(origin), cell, margin=0.0)) == len(molecules)


def assert_all_images(film, dataset, margin):
    water = water_molecules(film.get_chemical_symbols()).ravel()
    width, depth, _ = film.cell.lengths()
    size = WINDOWS["size"]
    for sample, atoms in enumerate(samples(dataset)):
        x0, y0, z0 = dataset["origin"].values[sample].astype(float)
        expected = []
        for molecule in frames_of(film)[dataset["frame"].values[sample]][water].reshape(-1, 3, 3):
            for i in range(-3, 5):
                for j in range(-3, 5):
                    image = molecule + [i * width - x0, j * depth - y0, 0]
                    x, y, z = image[0]
                    if -margin <= x < size[0] + margin and -margin <= y < size[1] + margin and z0 <= z < z0 + size[2]:
                        expected.append(image)
        found = atoms.positions.reshape(-1, 3, 3)
        assert len(found) == len(expected)
        gap = np.linalg.norm(np.array(expected)[:, None, 0] - found[:, 0], axis=-1)
        np.testing.assert_allclose(found[gap.argmin(axis=1)], expected, atol=5e-3)


def test_every_window_has_enough_molecules_inside(dataset):
    for atoms in samples(dataset):
        x, y, _ = atoms.positions[::3].T
        inside = (x >= 0) & (x < WINDOWS["size"][0]) & (y >= 0) & (y < WINDOWS["size"][1])
        assert inside.sum() >= WINDOWS["minimum_molecules"]


def test_windows_reach_from_the_contact_layer_to_the_outer_surface(film, files):
    many = cut_windows(*files, WINDOWS | {"per_trajectory": 200}, seed=2)
    oxygens = film.positions[film.numbers == 8][:, 2]
    z = many["position"].values[:, 2]
    assert z[many["number"].values == 8].min() < oxygens.min()
    assert z[many["number"].values == 8].max() > oxygens.max()
    bottoms = many["origin"].values[:, 2]
    assert bottoms.min() < oxygens.min() and bottoms.max() > oxygens.max() - 3.0
    corners = many["origin"].values[:, :2]
    assert (np.histogram(corners[:, 0], bins=4, range=(0, film.cell.lengths()[0]))[0] > 25).all()


def test_moving_molecules_by_lattice_vectors_changes_no_window(film):
    rng = np.random.default_rng(5)
    water = water_molecules(film.get_chemical_symbols()).ravel()
    molecules = film.positions[water].reshape(-1, 3, 3)
    cell, size = film.cell.lengths(), np.array(WINDOWS["size"])
    moved = molecules + cell * rng.integers(-2, 3, (len(molecules), 1, 3)) * [1, 1, 0]
    for _ in range(20):
        origin = rng.uniform([0, 0, 1], [*cell[:2], 7])
        one, other = (cut_window(group, cell, origin, size, 3.0) for group in (molecules, moved))
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_molecule_at_the_cell_edge_is_whole_and_once_in_the_margin():
    cell, size = np.array([20.0, 20.0, 40.0]), np.array([12.0, 12.0, 3.0])
    molecule = np.array([[[19.9, 0.05, 5.0], [20.9, 0.05, 5.0], [19.9, -0.95, 5.0]]])
    window = cut_window(molecule, cell, np.array([1.0, 2.0, 4.0]), size, margin=3.0)
    np.testing.assert_allclose(window, [[[-1.1, -1.95, 5.0], [-0.1, -1.95, 5.0], [-1.1, -2.95, 5.0]]], atol=1e-9)
    assert len(cut_window(molecule, cell, np.array([5.0, 5.0, 4.0]), size, margin=3.0)) == 0


def test_molecules_split_by_another_program_are_made_whole(film, tmp_path, dataset):
    """Atoms wrapped one by one, as other programs do, and the same windows come out."""
    frames = frames_of(film)
    water = water_molecules(film.get_chemical_symbols()).ravel()
    write_topology(film, tmp_path / "film.pdb")
    universe = mda.Universe(tmp_path / "film.pdb")
    with mda.Writer(str(tmp_path / "film.xtc"), len(film), precision=4) as writer:
        for index, positions in enumerate(frames):
            positions[water, :2] %= film.cell.lengths()[:2]
            universe.atoms.positions = positions
            universe.trajectory.ts.time = 0.5 * (index + 1)
            writer.write(universe)
    split = cut_windows(tmp_path / "film.pdb", tmp_path / "film.xtc", WINDOWS, seed=1)
    np.testing.assert_array_equal(split["atom_count"], dataset["atom_count"])
    np.testing.assert_allclose(split["position"], dataset["position"], atol=5e-3)


def test_same_seed_same_windows(files, dataset):
    assert cut_windows(*files, WINDOWS, seed=1).identical(dataset)
    assert not cut_windows(*files, WINDOWS, seed=2).identical(dataset)


def test_window_larger_than_the_cell_is_refused(files):
    with pytest.raises(InputError, match=r"Windows of 12 x 20 A do not fit the cell .* lower windows\.size"):
        cut_windows(*files, WINDOWS | {"size": [12.0, 20.0, 3.0]}, seed=1)


def test_too_thin_a_film_is_refused(files):
    with pytest.raises(InputError, match=r"Only 0 of 30 .* lower windows\.minimum_molecules"):
        cut_windows(*files, WINDOWS | {"minimum_molecules": 500}, seed=1)


def test_trajectory_without_metal_is_refused(tmp_path):
    water = Atoms("OHH", [[1, 1, 1], [2, 1, 1], [1, 2, 1]], cell=[20, 20, 20], pbc=True)
    write_topology(water, tmp_path / "w.pdb")
    write_frames(water, water.positions[None], water.cell.array[None], np.array([0.0]), tmp_path / "w.xtc")
    with pytest.raises(InputError, match="no water film on a metal"):
        cut_windows(tmp_path / "w.pdb", tmp_path / "w.xtc", WINDOWS, seed=1)


def test_films_to_train_on_are_those_of_their_configuration_and_can_be_cut():
    root = Path(__file__).parents[2]
    splits = yaml.safe_load((root / "config/weights.yaml").read_text())["films"]["splits"].values()
    names = {f"Au_c{c}_T{t}" for part in splits for c in part["coverages"] for t in part["temperatures"]}
    films = {path.parent.name: path.parent for path in root.glob("data/films/*/trajectory.xtc")}
    assert set(films) == names
    film = films["Au_c12_T180"]
    dataset = cut_windows(
        film / "topology.pdb.gz", film / "trajectory.xtc", WINDOWS | {"size": [25.0, 25.0, 3.0]}, seed=1
    )
    arm = dataset.position.values.reshape(-1, 3, 3)
    lengths = np.linalg.norm(arm[:, 1:] - arm[:, :1], axis=-1)
    np.testing.assert_allclose(lengths, 1.0, atol=0.02)  # rigid SPC/E, stored to 0.01 A
