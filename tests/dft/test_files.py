"""Potentials in files: each format gives back what was written, in volts and on its own coordinates."""

import ase.io
import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from clusters import water
from typer.testing import CliRunner

from icescope.afm import Scan, Tip, simulate
from icescope.cli import app
from icescope.dft.density import HARTREE
from icescope.dft.files import read_potential, repeat_potential, repeat_with_cell, write_cube
from icescope.errors import InputError
from icescope.storage import read, write

SHAPE = (6, 5, 8)
LENGTHS = np.array([3.0, 2.0, 4.0])  # A, of the periodic cell


@pytest.fixture
def values():
    return np.random.default_rng(3).normal(size=SHAPE)


def axes(origin=(0, 0, 0)):
    return {
        name: start + edge / count * np.arange(count)
        for name, start, edge, count in zip("xyz", origin, LENGTHS, SHAPE, strict=True)
    }


def write_locpot(path, values, cell=None):
    rows = [" ".join(f"{number:.8f}" for number in row) for row in (np.diag(LENGTHS) if cell is None else cell)]
    numbers = "\n".join(f"{number:.11e}" for number in values.ravel(order="F"))
    size = " ".join(map(str, values.shape))
    path.write_text("\n".join(["water", "1.0", *rows, "O", "1", "Direct", "0 0 0", "", size, numbers, ""]))


def write_xsf(path, values):
    """With the first planes once more at the ends, as the format has it for a periodic cell."""
    whole = np.pad(values, [(0, 1)] * 3, mode="wrap")
    with open(path, "w") as file:
        spans = np.diag(LENGTHS)
        ase.io.xsf.write_xsf(file, [Atoms("O", cell=LENGTHS, pbc=True)], whole, np.zeros(3), spans)


def test_cube_gives_back_what_was_written(tmp_path, values):
    written = xr.DataArray(values, axes((-1.0, 2.0, 7.5)), ("x", "y", "z"), attrs={"units": "V"})
    write_cube(tmp_path / "a.cube", written, water(), "a comment")
    found = read_potential(tmp_path / "a.cube")
    np.testing.assert_allclose(found, written, atol=1e-5)
    for name in "xyz":
        np.testing.assert_allclose(found[name], written[name], atol=1e-5)
    assert ase.io.read(tmp_path / "a.cube").positions == pytest.approx(water().positions, abs=1e-5)


def test_energies_of_electrons_become_potentials(tmp_path, values):
    write_locpot(tmp_path / "LOCPOT", values)
    write_xsf(tmp_path / "hartree.xsf", values)
    for name, tolerance in (("LOCPOT", 1e-9), ("hartree.xsf", 1e-6)):
        found = read_potential(tmp_path / name)
        np.testing.assert_allclose(found, -values, atol=tolerance)
        for axis, expected in axes().items():
            np.testing.assert_allclose(found[axis], expected, atol=1e-6)
    rydberg = read_potential(tmp_path / "LOCPOT", "electron Rydberg")
    np.testing.assert_allclose(rydberg, -values * HARTREE / 2, atol=1e-8)


def test_repeated_potential_is_periodic_and_covers_the_scan():
    place = axes()
    phase = [2 * np.pi * place[name] / edge for name, edge in zip("xy", LENGTHS[:2], strict=True)]
    wave = np.sin(phase[0])[:, None, None] * np.cos(phase[1])[:, None] * np.exp(-place["z"])
    potential = xr.DataArray(wave, place, ("x", "y", "z"), attrs={"units": "V"})
    found = repeat_potential(potential, (-7, 4), (1, 9), margin=1.0)
    assert found.x[0] <= -8 and found.x[-1] >= 5 and found.y[0] <= 0 and found.y[-1] >= 10
    x, y = found.x.values[:, None, None], found.y.values[:, None]
    expected = np.sin(2 * np.pi * x / LENGTHS[0]) * np.cos(2 * np.pi * y / LENGTHS[1]) * np.exp(-place["z"])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_potential_is_repeated_with_the_cell_that_it_shares(values):
    potential = xr.DataArray(values, axes(), attrs={"units": "V"})
    atoms = Atoms("O", cell=[*LENGTHS[:2], 20], pbc=True)
    found = repeat_with_cell(potential, atoms, (0, 3), (0, 2))
    assert found.equals(repeat_potential(potential, (0, 3), (0, 2))) and found.x[0] <= -2 and found.x[-1] >= 5
    larger, alone = atoms.copy(), atoms.copy()
    larger.cell[0, 0] += 0.1
    alone.pbc = False
    for other in (larger, alone):
        assert repeat_with_cell(potential, other, (0, 3), (0, 2)) is potential


def test_store_gives_back_what_was_written(tmp_path, values):
    written = xr.DataArray(values, axes((-1.0, 2.0, 7.5)), ("x", "y", "z"), attrs={"units": "V"})
    for name, grid in (("a", written), ("uneven", written.assign_coords(x=np.arange(6) ** 2))):
        write(xr.Dataset({"potential": grid}), tmp_path / f"{name}.zarr.zip", "potential", {})
    xr.testing.assert_allclose(read_potential(tmp_path / "a.zarr.zip"), written, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="its grid is not evenly spaced"):
        read_potential(tmp_path / "uneven.zarr.zip")


def test_a_periodic_potential_serves_a_scan(tmp_path):
    """A constant field along x exerts no vertical force, whatever its strength, and a wrong unit would be refused."""
    flat = np.full((8, 8, 30), 2.5)
    write_locpot(tmp_path / "LOCPOT", flat, np.diag([4.0, 4.0, 15.0]))
    scan = Scan(np.arange(0, 6, 1.0), np.arange(0, 6, 1.0), 4 + np.arange(6.0, 9.0, 0.1))
    potential = repeat_potential(read_potential(tmp_path / "LOCPOT"), scan.x, scan.y)
    with_it = simulate(water(), Tip(charge=-0.05), scan, potential=potential)
    without = simulate(water(), Tip(charge=0.0), scan)
    np.testing.assert_allclose(with_it.frequency_shift, without.frequency_shift, atol=1e-3)


def test_what_cannot_be_read_is_told_in_one_sentence(tmp_path, values):
    skewed = np.diag(LENGTHS) + np.array([[0, 0, 0], [0.5, 0, 0], [0, 0, 0]])
    write_locpot(tmp_path / "LOCPOT.skewed", values, skewed)
    (tmp_path / "broken.cube").write_text("nothing\n\n")
    for name, quantity, sentence in (
        ("LOCPOT.skewed", None, "not along x, y and z; make a rectangular cell"),
        ("broken.cube", None, "cannot be read as a potential in cube format"),
        ("missing.xsf", None, "does not exist"),
        ("other.txt", None, "is no known potential"),
        ("LOCPOT.skewed", "electron foot", "cannot hold 'electron foot'; take one of V, Hartree/e"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_potential(tmp_path / name, quantity)


def test_cube_needs_an_even_grid(tmp_path, values):
    uneven = xr.DataArray(values, axes() | {"x": np.arange(6) ** 2}, ("x", "y", "z"))
    with pytest.raises(InputError, match="evenly spaced grid"):
        write_cube(tmp_path / "a.cube", uneven, water())


def run(*arguments):
    return CliRunner().invoke(app, ["potential", *map(str, arguments)])


def test_the_command_writes_potential_and_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    atoms = water()
    atoms.info["charge"] = 0  # read back as an integer of NumPy
    ase.io.write("water.xyz", atoms, format="extxyz")
    options = ["--basis", "sto-3g", "--step", 0.6, "--heights", 2, 5, "--format", "cube", "--format", "zarr"]
    result = run("water.xyz", *options)
    assert result.exit_code == 0 and "points in" in result.stdout
    folder = tmp_path / "water_potential"
    assert sorted(file.name for file in folder.iterdir()) == ["plane.png", "potential.cube", "potential.zarr.zip"]
    stored = read(folder / "potential.zarr.zip", "potential")
    np.testing.assert_allclose(read_potential(folder / "potential.cube"), stored.potential, atol=1e-5)
    assert float(stored.z[0]) == pytest.approx(atoms.positions[:, 2].max() + 2)
    assert stored.attrs["basis"] == "sto-3g" and stored.attrs["charge"] == 0 and stored.attrs["icescope_version"]
    again = run("water.xyz", *options)
    assert again.exit_code == 1 and "exists already" in again.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--charge", 1], "9 electrons"),
        (["--step", 0], "a positive step"),
        (["--step", 0.01], "are too many at a time; raise the step or narrow the heights"),
        (["--plane", 9], "outside the grid"),
        (["--functional", "none"], "unknown"),
    ],
)
def test_the_command_ends_with_one_sentence(tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    ase.io.write("water.xyz", water())
    result = run("water.xyz", *options)
    assert result.exit_code == 1 and sentence in result.output and len(result.output.splitlines()) == 1
    assert not (tmp_path / "water_potential").exists()
