"""From a network's map to atoms: peaks, calibrated confidence, and whole molecules under the ice rules."""

import numpy as np
from ase import Atoms
from torch import Tensor

from icescope.learning.calibration import probability
from icescope.maps.ice_rules import assign_molecules
from icescope.maps.outputs import OUTPUTS

FAINTEST = 0.1  # confidence, before it is calibrated, of peaks that the ice rules may choose from
HEIGHTS_KNOWN = {"avdw": False, "peaks": True}


def candidates(maps: Tensor, pixel_size: float, card: dict) -> list[Atoms]:
    """All peaks of finished maps (n, channels, y, x), also the faint ones; confidences as they are in the map."""
    labels = card["labels"] | {"threshold": FAINTEST}
    return OUTPUTS[card["network"]["output"]].locate(maps, pixel_size, labels)


def decode(found: list[Atoms], card: dict, rules: bool = True) -> list[Atoms]:
    """Atoms of each map with calibrated confidences, A.

    Parameters
    ----------
    found
        From `candidates`.
    card
        Of the weights; "calibration" and "threshold" by species, where it has them.
    rules
        Whether molecules are chosen by `maps.ice_rules.assign_molecules` among all candidates; else those atoms are
        kept whose confidence reaches its species' threshold.

    Returns
    -------
    Structures with arrays "confidence" and "pose"; under the rules also "molecule" and "settled".
    """
    structures = []
    for one in found:
        atoms = one.copy()
        species = np.array(atoms.get_chemical_symbols())
        atoms.set_array("confidence", probability(one.arrays["confidence"], species, card.get("calibration", {})))
        if rules:
            known = HEIGHTS_KNOWN[card["network"]["output"]]
            structures.append(assign_molecules(atoms, card["labels"]["pose_bound"], known))
        else:
            thresholds = card.get("threshold", {})
            least = np.array([thresholds.get(one, card["labels"]["threshold"]) for one in species])
            structures.append(atoms[atoms.arrays["confidence"] >= least])
    return structures
