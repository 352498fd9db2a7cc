import numpy as np
import pytest
import torch
from ase import Atoms

from icescope.maps.ice_rules import assign_molecules
from icescope.maps.peaks import locate_peaks, render
from icescope.maps.shoulders import add_shoulders

LABELS = {"disc_radius": {"O": 0.75, "H": 0.55}, "pose_bound": 0.7, "threshold": 0.1}
PIXEL = 25 / 64
KIND = {"O": 0, "H": 1}
# Flat waters, the first giving the second a hydrogen bond along x, A.
DONOR = np.array([[10.0, 10.0, 1.0], [10.96, 10.0, 1.0], [9.76, 10.93, 1.0]])
ACCEPTOR = np.array([[12.8, 10.0, 1.0], [13.4, 10.75, 1.0], [13.4, 9.25, 1.0]])
OTHER_END = np.array([11.8, 10.0, 1.0])  # where the hydrogen would be if the bond were the other way round


def draw(hydrogen):
    """The map of both waters, the hydrogen of their bond at a place."""
    position = np.concatenate([ACCEPTOR, DONOR[[0, 2]], [hydrogen]])
    return render(position, [KIND[symbol] for symbol in "OHHOHH"], [6], 64, PIXEL, LABELS, [0.0])


def doubtful(share):
    """The map of a network that gives the other end of the bond a share of the odds: the mean of two maps."""
    right, wrong = draw(DONOR[1]), draw(OTHER_END)
    right[:, 1] = (1 - share) * right[:, 1] + share * wrong[:, 1]
    return right


def found_in(maps):
    return add_shoulders(maps, locate_peaks(maps, PIXEL, LABELS), PIXEL, LABELS)


@pytest.mark.parametrize("share", [0.15, 0.25, 0.75, 0.85])
def test_the_fainter_end_of_a_bond_is_found_where_it_has_no_peak(share):
    (atoms,) = found_in(doubtful(share))
    bond = atoms[(atoms.numbers == 1) & (np.abs(atoms.positions[:, 1] - 10) < 0.3)]
    assert bond.arrays["peak"].tolist() == [True, False]
    ends = (DONOR[1], OTHER_END) if share < 0.5 else (OTHER_END, DONOR[1])
    # The peak itself is drawn a little towards the other end.
    np.testing.assert_allclose(bond.positions, ends, atol=0.12)
    # Its own heat and what the other peak has there, 0.85 A off: 0.07 of it.
    assert bond.arrays["confidence"][1] == pytest.approx(min(share, 1 - share) + 0.07, abs=0.05)
    assert bond.arrays["pose"].tolist() == ["flat", "flat"]


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_ice_rules_take_the_fainter_end_where_the_molecules_ask_for_it(share):
    """Nearest oxygens would give one water three hydrogens and the other one."""
    (atoms,) = found_in(doubtful(share))
    molecules = assign_molecules(atoms, LABELS["pose_bound"], True)
    assert np.bincount(molecules.arrays["molecule"]).tolist() == [3, 3]
    donor = molecules.arrays["molecule"][molecules.positions[:, 0].argmin()]  # its other hydrogen lies leftmost
    of_donor = molecules.positions[molecules.arrays["molecule"] == donor]
    assert (np.linalg.norm(of_donor[:, None] - DONOR, axis=-1).min(0) < 0.15).all()


def test_a_bond_without_doubt_has_no_shoulder():
    for maps in (doubtful(0.0), doubtful(1.0)):
        (atoms,) = found_in(maps)
        assert len(atoms) == 6 and atoms.arrays["peak"].all()


def test_ends_that_share_their_heat_are_left_out():
    """Of a steep bond, 2.8 A long, whose ends lie 0.35 A apart in the plane."""
    atoms = Atoms("OO", [[10, 10, 0], [11.1, 10, 2.57]], cell=[25, 25, 0])
    atoms.set_array("confidence", np.ones(2))
    atoms.set_array("pose", np.array(["", ""], dtype="<U4"))
    maps = torch.ones(1, 4, 64, 64)
    assert len(add_shoulders(maps, [atoms], PIXEL, LABELS)[0]) == 2
    flat = atoms.copy()
    flat.positions[1] = [12.8, 10, 0]
    assert len(add_shoulders(maps, [flat], PIXEL, LABELS)[0]) == 4


def test_a_map_alone_equals_a_map_in_a_batch_and_an_empty_one_has_none():
    maps = torch.cat([doubtful(0.2), torch.zeros(1, 4, 64, 64), doubtful(0.8)])
    together = found_in(maps)
    assert [len(one) for one in together] == [7, 0, 7]
    for i in range(3):
        (alone,) = found_in(maps[i : i + 1])
        for name in ("positions", "confidence", "peak"):
            np.testing.assert_array_equal(alone.arrays[name], together[i].arrays[name])
