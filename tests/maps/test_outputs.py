import numpy as np
import pytest
import torch
import xarray as xr

from icescope.errors import InputError
from icescope.maps import avdw
from icescope.maps.outputs import OUTPUTS

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55, "Na": 1.0, "K": 1.2}, "pose_bound": 0.7, "threshold": 0.5}


@pytest.fixture(scope="module")
def stacks():
    """A hydrate of sodium and one of potassium, each with one water, molecules numbered from the ion."""
    position = [
        [5, 5, 7],
        [8, 5, 7.5],
        [9, 5, 7.5],
        [8, 5.6, 8.3],
        [12, 12, 2],
        [15, 12, 2],
        [16, 12, 2],
        [14.7, 13, 2],
    ]
    return xr.Dataset(
        {
            "position": (("atom", "xyz"), np.array(position, np.float32)),
            "number": ("atom", np.array([11, 8, 1, 1, 19, 8, 1, 1], np.uint8)),
            "molecule": ("atom", np.array([0, 1, 1, 1, 0, 1, 1, 1], np.int32)),
            "atom_count": ("sample", np.array([4, 4], np.int32)),
            "origin_height": ("sample", np.array([7.5, 2], np.float32)),
        },
        {"x": ("x", np.arange(64.0))},
        {"window_size": [25.0, 25.0, 3.0]},
    )


@pytest.mark.parametrize("name", OUTPUTS)
def test_atoms_of_stacks_come_back_from_their_maps(stacks, name):
    output = OUTPUTS[name]
    for pixels in (None, 96):
        maps = output.render_stacks(stacks, LABELS, pixels)
        assert maps.shape == (2, output.channels(LABELS), pixels or 64, pixels or 64)
        for sample, atoms in enumerate(output.locate(maps, 25 / (pixels or 64), LABELS)):
            mine = slice(4 * sample, 4 * sample + 4)
            assert sorted(atoms.numbers) == sorted(stacks.number.values[mine])
            apart = np.linalg.norm(stacks.position.values[mine, None, :2] - atoms.positions[None, :, :2], axis=-1)
            apart[stacks.number.values[mine, None] != atoms.numbers] = np.inf
            assert (apart.min(1) < 0.15).all()  # A, eighths of a pixel in the one, and a half-hidden disc
            poses = atoms.get_array("pose")[atoms.symbols == "H"]
            assert sorted(poses) == (["flat", "up"], ["flat", "flat"])[sample]
            assert {"confidence", "pose"} <= set(atoms.arrays)


def test_heights_of_peaks_count_from_the_origin(stacks):
    output = OUTPUTS["peaks"]
    for sample, atoms in enumerate(output.locate(output.render_stacks(stacks, LABELS), 25 / 64, LABELS)):
        z = stacks.position.values[4 * sample : 4 * sample + 4, 2] - stacks.origin_height.values[sample]
        np.testing.assert_allclose(sorted(atoms.positions[:, 2]), sorted(z), atol=1e-5)
    with pytest.raises(InputError, match="need origin_height"):
        output.render_stacks(stacks.drop_vars("origin_height"), LABELS)


@pytest.mark.parametrize("name", OUTPUTS)
def test_structures_in_memory_give_the_maps_of_their_store(stacks, name):
    kind = avdw.kinds_of_stacks(stacks, LABELS["pose_bound"])
    position, count, origin = (
        torch.from_numpy(stacks[one].values) for one in ("position", "atom_count", "origin_height")
    )
    maps = OUTPUTS[name].render(position, torch.from_numpy(kind), count, 64, 25 / 64, LABELS, origin)
    assert torch.equal(maps, OUTPUTS[name].render_stacks(stacks, LABELS))
