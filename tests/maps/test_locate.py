import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icescope.maps.avdw import KINDS, render
from icescope.maps.locate import locate

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55, "Na": 1.0, "K": 1.0}, "threshold": 0.5}
PIXEL = 25 / 64


def draw(position, kind, pixels=64):
    return render(
        np.array(position, float), np.array(kind), np.array([len(kind)]), pixels, PIXEL, LABELS["disc_radius"]
    )


@settings(max_examples=40, deadline=None)
@given(st.floats(2, 23), st.floats(2, 23), st.sampled_from(range(len(KINDS))))
def test_lone_disc_is_found_once_with_its_kind_and_place(x, y, kind):
    (atoms,) = locate(draw([[x, y, 0]], [kind]), PIXEL, LABELS)
    assert [*atoms.symbols] == [KINDS[kind].symbol] and atoms.get_array("pose").tolist() == [KINDS[kind].pose]
    # Places come in eighths of a pixel, and a disc three pixels wide fits about as well at the next of them.
    assert np.linalg.norm(atoms.positions[0, :2] - [x, y]) < 0.35 * PIXEL
    assert atoms.get_array("confidence")[0] > 0.8


def test_water_molecules_of_all_poses_are_found_apart():
    # Lateral O-H distances of a rigid molecule: flat 1.0 A, up above half an angstrom.
    position = [[5, 5, 0], [6, 5, 0], [4.4, 5.6, 0.8], [15, 15, 0], [15.9, 15.4, 0.1], [14.4, 15.6, -0.8]]
    kind = [0, 1, 2, 0, 1, 3]
    (atoms,) = locate(draw(position, kind), PIXEL, LABELS)
    symbols = np.array(atoms.get_chemical_symbols())
    assert (symbols == "O").sum() == 2
    found = atoms[symbols == "H"]
    # The hydrogen that points down is half hidden by its oxygen: it may be missed, but nothing may be made up.
    assert {"flat", "up"} <= set(found.get_array("pose")) and len(found) <= 4
    for atom, pose in zip(found, found.get_array("pose"), strict=True):
        true = np.array([p for p, k in zip(position, kind, strict=True) if KINDS[k].pose == pose])
        assert np.linalg.norm(true[:, :2] - atom.position[:2], axis=1).min() < 0.5


def test_height_of_a_hydrogen_follows_from_its_pose():
    (atoms,) = locate(draw([[5, 5, 0], [5.6, 5, 0.8]], [0, 2]), PIXEL, LABELS)
    hydrogen, oxygen = (atoms[[a.symbol == s for a in atoms]][0] for s in ("H", "O"))
    lateral = np.linalg.norm(hydrogen.position[:2] - oxygen.position[:2])
    assert hydrogen.position[2] == pytest.approx(np.sqrt(1 - lateral**2)) and oxygen.position[2] == 0


def test_empty_map_has_no_atoms_and_faint_dots_are_below_the_threshold():
    faint = 1 - 0.3 * (1 - draw([[5, 5, 0]], [0]))
    for atoms in locate(torch.cat([torch.ones(1, 3, 64, 64), faint]), PIXEL, LABELS):
        assert len(atoms) == 0


def test_confidence_falls_as_a_dot_fades():
    image = draw([[5, 5, 0]], [0])
    confidences = []
    for strength in (1.0, 0.85, 0.7):
        (atoms,) = locate(1 - strength * (1 - image), PIXEL, LABELS)
        confidences.append(atoms.get_array("confidence")[0])
    assert confidences == sorted(confidences, reverse=True)


def test_map_alone_equals_map_in_batch():
    rng = np.random.default_rng(2)
    maps = torch.cat([draw(rng.uniform(1, 24, (8, 3)), rng.integers(0, 4, 8)) for _ in range(3)])
    together = locate(maps, PIXEL, LABELS)
    for i in range(3):
        np.testing.assert_allclose(
            locate(maps[i : i + 1], PIXEL, LABELS)[0].positions, together[i].positions, atol=1e-5
        )
