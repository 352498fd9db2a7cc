import logging

import ase.io
import numpy as np
import pytest
from ase import Atoms
from trajectories import drifting_ice, lammps_dump, universe

from icescope.amorphous.frames import DUMPS, water_frames
from icescope.amorphous.soap import soap
from icescope.errors import InputError

FRAMES = 3
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:MDAnalysis")


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return drifting_ice(FRAMES)


def same(read: list[Atoms], frames: list[Atoms], tolerance: float) -> bool:
    """The same surroundings, whatever the axes and the images; positions are rounded by `tolerance`, A."""
    assert len(read) == len(frames)
    for one, other in zip(read, frames, strict=True):
        assert one.get_chemical_symbols() == other.get_chemical_symbols()
        expected = soap(other, "O,H")
        assert np.abs(soap(one, "O,H") - expected).max() < 5 * tolerance * np.abs(expected).max()
    return True


def test_gromacs_with_virtual_sites(frames, tmp_path):
    made = universe(frames, True, names=["OW", "HW1", "HW2", "MW"])
    made.add_TopologyAttr("resname", ["SOL"] * 16)
    made.atoms.write(tmp_path / "box.gro")
    made.atoms.write(tmp_path / "run.xtc", frames="all")
    read = list(water_frames(tmp_path / "run.xtc", tmp_path / "box.gro"))
    assert same(read, frames, 0.01)  # a GRO or XTC file keeps 0.01 A
    assert [one.info["frame"] for one in read] == [0, 1, 2]
    assert [one.info["time"] for one in read] == [0, 1, 2]


def test_gro_of_several_frames_is_refused_and_serves_as_topology(frames, tmp_path):
    made = universe(frames, False, names=["OW", "HW1", "HW2"])
    text = []
    for _ in made.trajectory:
        made.atoms.write(tmp_path / "run.gro")
        text.append((tmp_path / "run.gro").read_text())
    (tmp_path / "run.gro").write_text("".join(text))
    (tmp_path / "one.gro").write_text(text[0] + "\n")  # a blank line at the end is no frame
    made.atoms.write(tmp_path / "run.xtc", frames="all")
    with pytest.raises(
        InputError, match=r"run.gro has more than one frame.* convert it to XTC \(gmx trjconv -f run.gro"
    ):
        list(water_frames(tmp_path / "run.gro"))
    assert same(list(water_frames(tmp_path / "one.gro")), frames[:1], 0.01)
    assert same(list(water_frames(tmp_path / "run.xtc", tmp_path / "run.gro")), frames, 0.01)


@pytest.mark.parametrize("line", ["ITEM: UNITS\nreal\n", "ITEM: TIME\n0\n"])
@pytest.mark.parametrize("topology", [None, "box.gro"])
def test_lammps_dump_with_units_or_times_says_what_to_do(frames, tmp_path, topology, line):
    universe(frames, False, names=["OW", "HW1", "HW2"]).atoms.write(tmp_path / "box.gro")
    lammps_dump(frames, tmp_path / "run.dump")
    (tmp_path / "run.dump").write_text(line + (tmp_path / "run.dump").read_text())
    with pytest.raises(InputError, match=r"has lines ITEM: .* write it without dump_modify units and time, or remove"):
        list(water_frames(tmp_path / "run.dump", topology and tmp_path / topology))


@pytest.mark.parametrize("suffix", DUMPS)
def test_lammps_dump_with_unwrapped_coordinates(frames, tmp_path, caplog, suffix):
    path = tmp_path / f"run{suffix}"
    lammps_dump(frames, path)
    with caplog.at_level(logging.INFO):
        read = list(water_frames(path))
    assert same(read, frames, 1e-5)
    assert "gives types alone: 1 is O, 2 is H" in caplog.text
    assert not any("time" in one.info for one in read)  # a dump has steps alone


def test_lammps_dump_with_a_topology(frames, tmp_path):
    universe(frames, False, names=["OW", "HW1", "HW2"]).atoms.write(tmp_path / "box.gro")
    lammps_dump(frames, tmp_path / "run.lammpstrj")
    assert same(list(water_frames(tmp_path / "run.lammpstrj", tmp_path / "box.gro")), frames, 1e-5)


@pytest.mark.parametrize("species", ["O", "OH"])
def test_extended_xyz(frames, tmp_path, species):
    chosen = [frame[np.isin(frame.get_chemical_symbols(), list(species))] for frame in frames]
    chosen[0].info["time"], chosen[1].info["time"] = 0.5, "dawn"
    ase.io.write(tmp_path / "run.extxyz", chosen)
    read = list(water_frames(tmp_path / "run.extxyz"))
    assert [one.info.get("time") for one in read] == [0.5, None, None]
    for one, other in zip(read, chosen, strict=True):
        assert one.get_chemical_symbols() == other.get_chemical_symbols()
        np.testing.assert_allclose(one.positions, other.positions, atol=1e-7)
        np.testing.assert_allclose(one.cell, other.cell, atol=1e-7)


def test_a_pdb_file_names_elements(frames, tmp_path):
    made = universe(frames[:1], False, names=["O", "H1", "H2"], elements=["O", "H", "H"])
    made.atoms.write(tmp_path / "box.pdb")
    assert same(list(water_frames(tmp_path / "box.pdb")), frames[:1], 0.01)


def test_frames_come_one_at_a_time(frames, tmp_path):
    ase.io.write(tmp_path / "run.extxyz", frames)
    with (tmp_path / "run.extxyz").open("a") as file:
        file.write("48\nLattice=")
    read = water_frames(tmp_path / "run.extxyz")
    assert len([next(read) for _ in frames]) == FRAMES
    with pytest.raises(InputError, match=r"cannot be read after frame 2: it is damaged or cut off"):
        next(read)


@pytest.mark.parametrize("left", [0.5, 0.97])
@pytest.mark.parametrize("suffix", ["trr", "xtc", "lammpstrj"])
def test_a_trajectory_that_is_cut_off(frames, tmp_path, suffix, left):
    """Within the first frames, and within the last one, as a run that goes on leaves it."""
    made = universe(frames, False, names=["OW", "HW1", "HW2"])
    made.atoms.write(tmp_path / "box.gro")
    path = tmp_path / f"run.{suffix}"
    if suffix == "lammpstrj":
        lammps_dump(frames, path)
    else:
        made.atoms.write(path, frames="all")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(InputError, match=rf"run.{suffix} .*cannot be read"):
        list(water_frames(path, tmp_path / "box.gro"))


def test_a_dump_that_is_cut_off_within_a_number(frames, tmp_path):
    lammps_dump(frames, tmp_path / "run.dump")
    (tmp_path / "run.dump").write_text((tmp_path / "run.dump").read_text()[:-3])
    with pytest.raises(InputError, match=r"after frame 2: it is damaged or cut off \(it ends within a frame\)"):
        list(water_frames(tmp_path / "run.dump"))


def test_bad_files(frames, tmp_path):
    def refused(path, message, topology=None):
        with pytest.raises(InputError, match=message):
            list(water_frames(tmp_path / path, topology))

    refused("none.xtc", "none.xtc does not exist")
    (tmp_path / "nothing.xtc").touch()
    refused("nothing.xtc", "nothing.xtc is empty")
    (tmp_path / "text.xtc").write_text("no trajectory")
    refused("text.xtc", "text.xtc cannot be read as a trajectory")
    universe(frames, False, names=["OW", "HW1", "HW2"]).atoms.write(tmp_path / "run.xtc", frames="all")
    refused("run.xtc", "does not say which atom is what; give a topology with --top")
    for name in ("CA", "MG", "OG1"):
        universe(frames, False, names=[name, "HW1", "HW2"]).atoms.write(tmp_path / "other.gro")
        refused("other.gro", f"holds {name}, which is not of water")
    ase.io.write(tmp_path / "ion.extxyz", Atoms("Na", cell=[9, 9, 9], pbc=True))
    refused("ion.extxyz", "holds Na, which is not of water")
    ase.io.write(tmp_path / "half.extxyz", Atoms("OH", [[0, 0, 0], [1, 0, 0]], cell=[9, 9, 9], pbc=True))
    refused("half.extxyz", "holds 1 oxygens and 1 hydrogens; water has two")
    ase.io.write(tmp_path / "free.extxyz", Atoms("O"))
    refused("free.extxyz", "has no cell in frame 0")
