"""Hydrogens without a peak of their own: where a heat map is in doubt between the two ends of a hydrogen bond."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree
from torch import Tensor

from icescope.maps.avdw import pose_of_rise
from icescope.maps.ice_rules import BOND
from icescope.maps.peaks import FAINTEST, SEPARATION
from icescope.md.force_field import OH_BOND


def add_shoulders(maps: Tensor, found: Sequence[Atoms], pixel_size: float, labels: dict) -> list[Atoms]:
    """Candidates, and after them, the hottest first, hydrogens at ends of hydrogen bonds that have heat but no peak.

    The two places of a hydrogen on its bond are some 0.8 A apart, two widths of a peak. Unless both are equally likely,
    one shows only as the shoulder of the other's peak, which a search for maxima misses: yet the ice rules may need it.
    Ends that are nearer to each other in the plane than two peaks may be have one heat and are left out.

    Parameters
    ----------
    maps, pixel_size, labels
        As `peaks.locate_peaks` took them; the threshold is that of the heat at an end.
    found
        What it returned.

    Returns
    -------
    Copies with an array "peak", False for the added ones.
    """
    heats = maps[:, list(labels["disc_radius"]).index("H")].float().cpu().numpy()
    return [_with_shoulders(heat, atoms, pixel_size, labels) for heat, atoms in zip(heats, found, strict=True)]


def heat_at(heat: np.ndarray, place: np.ndarray, pixel_size: float) -> np.ndarray:
    """Heat (n,) at places (n, x and y first), A, in a map (y, x): linear in its logarithm between the pixels."""
    pixel = place[:, 1::-1].T / pixel_size - 0.5
    return np.exp(map_coordinates(np.log(heat.clip(FAINTEST)), pixel, order=1, mode="nearest"))


def _with_shoulders(heat: np.ndarray, atoms: Atoms, pixel_size: float, labels: dict) -> Atoms:
    oxygen, hydrogen = (atoms.positions[atoms.numbers == number] for number in (8, 1))
    one, other = cKDTree(oxygen).query_pairs(BOND[1], output_type="ndarray").T
    donor, acceptor = np.append(one, other), np.append(other, one)
    bond = oxygen[acceptor] - oxygen[donor]
    length = np.linalg.norm(bond, axis=1, keepdims=True)
    arm = bond * OH_BOND / length
    apart = np.linalg.norm((bond - 2 * arm)[:, :2], axis=1)
    end = np.column_stack([oxygen[donor] + arm, arm[:, 2]])[(length[:, 0] > BOND[0]) & (apart >= SEPARATION["H"])]
    confidence = heat_at(heat, end, pixel_size)

    hottest = np.argsort(-confidence, kind="stable")[: (confidence >= labels["threshold"]).sum()]
    end, confidence = end[hottest], confidence[hottest]
    new = cKDTree(hydrogen[:, :2]).query(end[:, :2])[0] >= SEPARATION["H"]
    new[cKDTree(end[:, :2]).query_pairs(SEPARATION["H"], output_type="ndarray")[:, 1]] = False  # that of the fainter
    shoulders = Atoms(np.full(new.sum(), "H"), end[new, :3])
    shoulders.set_array("confidence", confidence[new].clip(max=1))
    shoulders.set_array("pose", pose_of_rise(end[new, 3], labels["pose_bound"]))
    shoulders.set_array("peak", np.zeros(len(shoulders), bool))
    more = atoms.copy()
    more.set_array("peak", np.ones(len(atoms), bool))
    return more + shoulders
