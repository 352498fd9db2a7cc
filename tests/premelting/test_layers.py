"""Bilayers of slabs, and their order and mobility in a run that was made by hand."""

import numpy as np
import pytest

from icescope.config import LEAST_HOLD
from icescope.errors import InputError
from icescope.md.engine import RECORD_COLUMNS
from icescope.md.record import run_record
from icescope.md.run import Finished, write_outputs
from icescope.md.trajectory import write_frames
from icescope.premelting.layers import FEWEST_FRAMES, bilayers, holds, layer_table
from icescope.premelting.surface import surface, surface_stages
from icescope.structures.ice import ice_ih

INTERVAL, HOLD = 0.5, 24.0  # ps
DIFFUSION = 0.05  # A^2/ps, of the molecules of the upper face on the way down


@pytest.fixture(scope="module")
def slab():
    return surface([3, 3, 3], vacuum=25.0, seed=4)


@pytest.fixture(scope="module")
def files(slab, tmp_path_factory):
    """Trajectory, topology and record of three holds, in which the crystal shakes; in the last one face flows."""
    folder = tmp_path_factory.mktemp("slab")
    rng = np.random.default_rng(9)
    stages = surface_stages([150, 100], rate=100_000, hold=HOLD)  # ramps of one row
    assert [stage.name for stage in stages] == ["100 K", "to 150 K", "150 K", "to 100 K", "100 K"]
    upper = np.repeat(bilayers(slab).of(slab.positions[::3], slab.cell[2, 2]) == 5, 3)
    rows, settings, frames, times, time = [], [], [], [], 0.0
    for number, stage in enumerate(stages):
        flown = np.zeros((len(slab), 3))
        for step in range(round(stage.duration / INTERVAL)):
            time += INTERVAL
            rows.append([time, *[0.0] * (len(RECORD_COLUMNS) - 1)])
            settings.append((stage.name, stage.at((step + 1) * INTERVAL)[0], np.nan))
            if number == 4:
                steps = rng.normal(scale=np.sqrt(2 * DIFFUSION * INTERVAL), size=(len(slab) // 3, 3)) * [1, 1, 0]
                flown += np.repeat(steps, 3, axis=0) * upper[:, None]
            if stage.frames:
                shaken = np.repeat(rng.normal(scale=0.15, size=(len(slab) // 3, 3)), 3, axis=0)
                frames.append(slab.positions + shaken + flown + [0, 0, 0.4 * time])  # it drifts across the boundary
                times.append(time)
    cells = np.repeat(slab.cell.array[None], len(frames), axis=0)
    write_frames(slab, np.array(frames), cells, np.array(times), folder / "part.xtc")
    finished = Finished(slab, run_record(np.array(rows), settings), [folder / "part.xtc"])
    paths = [folder / name for name in ("trajectory.xtc", "topology.pdb", "record.csv")]
    write_outputs(slab, finished, *paths)
    return paths


def test_slab_has_two_bilayers_a_cell(slab):
    sheets = bilayers(slab)
    assert sheets.count == 6
    assert sheets.spacing == pytest.approx(9.03 * np.sqrt(2 / 3) / 2, abs=0.01)  # half of the c of an ideal crystal
    layer = sheets.of(slab.positions[::3], slab.cell[2, 2])
    assert np.bincount(layer).tolist() == [72] * 6


def test_bilayers_are_found_wherever_the_slab_is_and_hold_what_lies_above(slab):
    sheets, height = bilayers(slab), slab.cell[2, 2]
    oxygens = slab.positions[::3].copy()
    expected = sheets.of(oxygens, height)
    for shift in (3.0, height / 2, 5 * height):
        moved = oxygens + [0, 0, shift]
        moved[:, 2] %= height
        assert (sheets.of(moved, height) == expected).all()
    top = oxygens[:, 2].argmax()
    oxygens[top, 2] += 3.0
    assert (sheets.of(oxygens, height) == expected).all()


@pytest.mark.parametrize("structure", [ice_ih([3, 3, 3], seed=1), surface([3, 3, 1], 20.0, seed=1)])
def test_what_is_no_slab_is_refused(structure):
    if len(structure) > 500:
        structure.rattle(1.0, seed=3)
    with pytest.raises(InputError, match="at least 4 bilayers"):
        bilayers(structure)


def test_holds_are_those_of_the_stages_without_their_first_half(files):
    found = list(holds(*files))
    assert [(hold.direction, hold.temperature) for hold in found] == [
        ("heating", 100.0),
        ("heating", 150.0),
        ("cooling", 100.0),
    ]
    assert {len(hold.frames) for hold in found} == {24}
    assert {round(hold.interval, 3) for hold in found} == {INTERVAL}
    assert found[0].frames[0].info["time"] == pytest.approx(12.5, abs=1e-3)


def test_table_tells_the_face_that_flows_from_all_others(files):
    table = layer_table(*files)
    assert len(table) == 3 * 6
    flowing = (table.direction == "cooling") & (table.side == "upper") & (table.depth == 0)
    assert flowing.sum() == 1
    # 72 molecules over 12 ps: their slope is known to a tenth or two; less what the mean of all takes away
    assert table.diffusion_A2_per_ps[flowing].item() == pytest.approx(DIFFUSION, rel=0.35)
    # a cage of 0.15 A, from 144 to 288 displacements at each lag
    assert table.diffusion_A2_per_ps[~flowing].to_numpy() == pytest.approx(0, abs=2e-3)
    assert table.mean_square_displacement_A2[~flowing].to_numpy() == pytest.approx(4 * 0.15**2, rel=0.2)
    assert set(table.lag_ps) == {12 * INTERVAL}
    assert (table.hexagonal_order[~flowing] > 0.95).all()
    assert table.hexagonal_order[flowing].item() < 0.75
    assert table.rings_6[~flowing].to_numpy() == pytest.approx(0.5, abs=0.03)


def test_shortest_hold_that_a_configuration_may_have_is_long_enough():
    assert LEAST_HOLD == 2 * FEWEST_FRAMES


def test_hold_with_few_frames_is_refused(files, slab, tmp_path):
    short = [stage for stage in surface_stages([100, 150], rate=10_000, hold=4.0) if stage.frames]
    times = INTERVAL * (1 + np.arange(len(short) * 8))
    rows = np.column_stack([times, np.zeros((len(times), len(RECORD_COLUMNS) - 1))])
    record = run_record(rows, [(stage.name, stage.temperature[0], np.nan) for stage in short for _ in range(8)])
    positions = np.repeat(slab.positions[None], len(times), axis=0)
    write_frames(slab, positions, np.repeat(slab.cell.array[None], len(times), axis=0), times, tmp_path / "part.xtc")
    paths = [tmp_path / name for name in ("trajectory.xtc", "topology.pdb", "record.csv")]
    write_outputs(slab, Finished(slab, record, [tmp_path / "part.xtc"]), *paths)
    with pytest.raises(InputError, match="4 frames in the second half of the hold at 100 K"):
        layer_table(*paths)


def test_record_of_a_longer_run_is_refused(files, tmp_path):
    trajectory, topology, record = files
    rows = record.read_text().splitlines()
    last = rows[-1].split(",")
    later = [",".join([str(float(last[0]) + 0.5 * step), "90 K", "90", *last[3:]]) for step in range(1, 50)]
    (tmp_path / "record.csv").write_text("\n".join([*rows, *later]))
    with pytest.raises(InputError, match="0 frames in the second half of the hold at 90 K"):
        list(holds(trajectory, topology, tmp_path / "record.csv"))
