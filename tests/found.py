"""True windows of ice for the tests, and what peak finding might make of them."""

import numpy as np
from ase import Atoms
from ase.geometry import get_distances
from scipy.spatial.transform import Rotation

from icescope.maps.avdw import poses
from icescope.structures.ice import ice_slab
from icescope.structures.windows import cut_window

SIZE, MARGIN, BOUND = np.array([25.0, 25.0, 3.0]), 4.0, 0.7


def ice_windows(number: int, seed: int) -> list[Atoms]:
    """Windows of one bilayer of ice Ih, molecules shaken and turned a little, with context; cell = window."""
    rng = np.random.default_rng(seed)
    slab = ice_slab("basal", [4, 5, 1], 10.0, seed, water="spce")
    molecules = slab.positions.reshape(-1, 3, 3)
    bottom = np.median(molecules[:, 0, 2])
    windows = []
    for _ in range(number):
        turn = Rotation.from_rotvec(rng.normal(scale=0.12, size=(len(molecules), 3))).as_matrix()
        shaken = (
            molecules[:, :1] + (molecules - molecules[:, :1]) @ turn + rng.normal(scale=0.1, size=(len(turn), 1, 3))
        )
        origin = np.array([*rng.uniform(0, slab.cell.lengths()[:2]), bottom])
        cut = cut_window(shaken, slab.cell.lengths(), origin, SIZE, MARGIN)
        windows.append(true_structure(cut))
    return windows


def true_structure(molecules: np.ndarray) -> Atoms:
    """Structure of molecules (n, 3 atoms O H H, xyz), A, with arrays "molecule" and "pose"."""
    atoms = Atoms("OHH" * len(molecules), molecules.reshape(-1, 3), cell=[*SIZE[:2], 0])
    molecule = np.repeat(np.arange(len(molecules)), 3)
    atoms.set_array("molecule", molecule)
    atoms.set_array("pose", poses(atoms.positions, atoms.numbers, molecule, BOUND))
    return atoms


def perfect(true: Atoms) -> Atoms:
    """What faultless peak finding gives: the atoms inside the window, confidence 1, and no molecules."""
    lateral = true.positions[:, :2]
    found = true[((lateral >= 0) & (lateral < SIZE[:2])).all(1)]
    del found.arrays["molecule"]
    found.set_array("confidence", np.ones(len(found)))
    return found


def blurred(
    true: Atoms, rng: np.random.Generator, swapped: float = 0.1, lost: float = 0.05, doubled: float = 0.05, jitter=0.2
) -> Atoms:
    """Peaks as a weak network might give them, down to a confidence of 0.05.

    A share of the hydrogens on hydrogen bonds is `swapped`: a peak of middling confidence an O-H length from the
    acceptor, and a faint one where the hydrogen is. A share of all hydrogens is `lost`, another `doubled`. All are off
    by a normal `jitter` in length, A.
    """
    found = perfect(true)
    oxygen = true.positions[true.numbers == 8]
    confidence = np.where(found.numbers == 8, rng.uniform(0.9, 1, len(found)), rng.uniform(0.6, 1, len(found)))
    extra, extra_confidence, extra_pose = [], [], []
    keep = np.ones(len(found), bool)
    for atom in np.flatnonzero(found.numbers == 1):
        _, (apart,) = get_distances(found.positions[[atom]], oxygen)
        donor, acceptor = np.argsort(apart)[:2]
        chance = rng.random()
        if chance < swapped and apart[acceptor] < 2.1:
            confidence[atom] = rng.uniform(0.1, 0.3)
            along = oxygen[donor] - oxygen[acceptor]
            extra.append(oxygen[acceptor] + along / np.linalg.norm(along))
            extra_confidence.append(rng.uniform(0.5, 0.7))
        elif swapped <= chance < swapped + lost:
            keep[atom] = False
        elif swapped + lost <= chance < swapped + lost + doubled:
            extra.append(found.positions[atom] + rng.normal(scale=0.3, size=3))
            extra_confidence.append(rng.uniform(0.3, 0.6))
        else:
            continue
        if len(extra) > len(extra_pose):
            extra_pose.append(found.arrays["pose"][atom])
    more = Atoms(f"H{len(extra)}", np.reshape(extra, (-1, 3)))
    more.set_array("pose", np.array(extra_pose, dtype="<U4"))
    found = found[keep] + more
    found.set_array("confidence", np.concatenate([confidence[keep], extra_confidence]))
    found.positions += rng.normal(scale=jitter / np.sqrt(3), size=(len(found), 3))
    return found[rng.permutation(len(found))]
