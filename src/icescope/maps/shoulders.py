"""Hydrogens without a peak of their own: where a heat map is in doubt between the two ends of a hydrogen bond."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from scipy.ndimage import map_coordinates
from scipy.spatial.distance import cdist
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


def _with_shoulders(heat: np.ndarray, atoms: Atoms, pixel_size: float, labels: dict) -> Atoms:
    oxygen, hydrogen = (atoms.positions[atoms.numbers == number] for number in (8, 1))
    apart = oxygen[None] - oxygen[:, None]
    length = np.linalg.norm(apart, axis=-1)
    donor, acceptor = np.nonzero((length > BOND[0]) & (length < BOND[1]))
    bond = apart[donor, acceptor]
    arm = bond * (OH_BOND / length[donor, acceptor])[:, None]
    lateral = np.linalg.norm((bond - 2 * arm)[:, :2], axis=1)
    place = (oxygen[donor] + arm)[lateral >= SEPARATION["H"]]
    rise = arm[lateral >= SEPARATION["H"], 2]
    log_heat = np.log(heat.clip(FAINTEST))
    value = np.exp(map_coordinates(log_heat, place[:, 1::-1].T / pixel_size - 0.5, order=1, mode="nearest"))

    order = np.argsort(-value, kind="stable")
    order = order[value[order] >= labels["threshold"]]
    place, rise, value = place[order], rise[order], value[order]
    of_peak = (cdist(place[:, :2], hydrogen[:, :2]) < SEPARATION["H"]).any(1)
    of_hotter = np.tril(cdist(place[:, :2], place[:, :2]) < SEPARATION["H"], -1).any(1)
    new = ~of_peak & ~of_hotter
    shoulders = Atoms(np.full(new.sum(), "H"), place[new])
    shoulders.set_array("confidence", value[new].clip(max=1))
    shoulders.set_array("pose", pose_of_rise(rise[new], labels["pose_bound"]))
    more = atoms.copy()
    more.set_array("peak", np.ones(len(atoms), bool))
    shoulders.set_array("peak", np.zeros(len(shoulders), bool))
    return more + shoulders
