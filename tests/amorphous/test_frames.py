import logging

import ase.io
import MDAnalysis as mda
import numpy as np
import pytest
from ase import Atoms

from icescope.amorphous.frames import water_frames
from icescope.amorphous.soap import soap
from icescope.errors import InputError
from icescope.structures.ice import ice_ih

FRAMES = 3
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:MDAnalysis")


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    """16 molecules in a sheared cell, drifting out of it."""
    ice = ice_ih((1, 1, 1), seed=1)
    ice.set_cell([[8.99, 0, 0], [2.0, 7.79, 0], [0.5, -1.0, 7.34]])
    drifting = []
    for step in range(FRAMES):
        moved = ice.copy()
        moved.positions += 7.0 * step + np.random.default_rng(step).normal(scale=0.1, size=moved.positions.shape)
        drifting.append(moved)
    return drifting


def universe(frames: list[Atoms], sites: bool, **attributes) -> mda.Universe:
    """All frames with these names, one molecule of O, H, H (and M) after another; lists repeat."""
    size, count = (4, 16) if sites else (3, 16)
    positions = np.array([frame.positions.reshape(count, 3, 3) for frame in frames])
    if sites:
        positions = np.concatenate([positions, positions[:, :, :1] + 0.1], axis=2)
    made = mda.Universe.empty(
        size * count, n_residues=count, atom_resindex=np.repeat(np.arange(count), size), trajectory=True
    )
    made.load_new(positions.reshape(len(frames), -1, 3), dimensions=[frame.cell.cellpar() for frame in frames])
    for name, values in attributes.items():
        made.add_TopologyAttr(name, np.tile(values, count))
    return made


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


def lammps_dump(frames: list[Atoms], path) -> None:
    """Triclinic, with unwrapped coordinates and numbers for types."""
    with path.open("w") as file:
        for step, frame in enumerate(frames):
            (xx, _, _), (xy, yy, _), (xz, yz, zz) = frame.cell
            corners = [min(0, xy, xz, xy + xz), xx + max(0, xy, xz, xy + xz)], [min(0, yz), yy + max(0, yz)], [0, zz]
            file.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(frame)}\n")
            file.write("ITEM: BOX BOUNDS xy xz yz pp pp pp\n")
            for (low, high), tilt in zip(corners, (xy, xz, yz), strict=True):
                file.write(f"{low:.9f} {high:.9f} {tilt:.9f}\n")
            file.write("ITEM: ATOMS id type xu yu zu\n")
            for number, (symbol, position) in enumerate(zip(frame.symbols, frame.positions, strict=True), 1):
                file.write(f"{number} {1 if symbol == 'O' else 2} {' '.join(f'{x:.6f}' for x in position)}\n")


def test_lammps_dump_with_unwrapped_coordinates(frames, tmp_path, caplog):
    lammps_dump(frames, tmp_path / "run.lammpsdump")
    with caplog.at_level(logging.INFO):
        assert same(list(water_frames(tmp_path / "run.lammpsdump")), frames, 1e-5)
    assert "gives types alone: 1 is O, 2 is H" in caplog.text


@pytest.mark.parametrize("species", ["O", "OH"])
def test_extended_xyz(frames, tmp_path, species):
    chosen = [frame[np.isin(frame.get_chemical_symbols(), list(species))] for frame in frames]
    ase.io.write(tmp_path / "run.extxyz", chosen)
    read = list(water_frames(tmp_path / "run.extxyz"))
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


def test_a_trajectory_that_is_cut_off(frames, tmp_path):
    made = universe(frames, False, names=["OW", "HW1", "HW2"])
    made.atoms.write(tmp_path / "box.gro")
    made.atoms.write(tmp_path / "run.trr", frames="all")
    whole = (tmp_path / "run.trr").read_bytes()
    (tmp_path / "run.trr").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"run.trr .*cannot be read"):
        list(water_frames(tmp_path / "run.trr", tmp_path / "box.gro"))


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
