"""From a network's map to atoms: peaks, calibrated confidence, and whole molecules under the ice rules."""

import numpy as np
from ase import Atoms
from torch import Tensor

from icescope.learning.calibration import probability
from icescope.maps.ice_rules import assign_molecules
from icescope.maps.outputs import OUTPUTS

FAINTEST = {"avdw": 0.35, "peaks": 0.1}  # confidence, not calibrated, of peaks that the ice rules may choose from
UNLIKELY = 0.03  # calibrated confidence of peaks that the ice rules are not offered: a missing hydrogen costs less
HEIGHTS_KNOWN = {"avdw": False, "peaks": True}


def candidates(maps: Tensor, pixel_size: float, card: dict) -> list[Atoms]:
    """All peaks of finished maps (n, channels, y, x), also the faint ones; confidences as they are in the map.

    In a colour map only those species are looked for that the network was shown, where its card says which.
    """
    output, labels = card["network"]["output"], card["labels"] | {"threshold": FAINTEST[card["network"]["output"]]}
    if output == "avdw":
        shown = card.get("species", labels["disc_radius"])
        labels["disc_radius"] = {symbol: r for symbol, r in labels["disc_radius"].items() if symbol in shown}
    return OUTPUTS[output].locate(maps, pixel_size, labels)


def decode(found: list[Atoms], card: dict, rules: bool = True) -> list[Atoms]:
    """Atoms of each map with calibrated confidences, A.

    Parameters
    ----------
    found
        From `candidates`.
    card
        Of the weights; where it has them, "calibration" and "threshold" by species, and "calibration_under_rules" by
        `settled_species`.
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
            likely = atoms[atoms.arrays["confidence"] >= UNLIKELY]
            chosen = assign_molecules(likely, card["labels"]["pose_bound"], known)
            learnt = card.get("calibration_under_rules", {})
            chosen.arrays["confidence"] = probability(chosen.arrays["confidence"], settled_species(chosen), learnt)
            structures.append(chosen)
        else:
            thresholds = card.get("threshold", {})
            least = np.array([thresholds.get(one, card["labels"]["threshold"]) for one in species])
            structures.append(atoms[atoms.arrays["confidence"] >= least])
    return structures


def settled_species(atoms: Atoms) -> np.ndarray:
    """Species of each atom and whether its molecule is settled, such as "H settled": what the rules have made of it."""
    settled = np.where(atoms.arrays["settled"], " settled", " unsettled")
    return np.char.add(np.array(atoms.get_chemical_symbols(), dtype="U2"), settled)
