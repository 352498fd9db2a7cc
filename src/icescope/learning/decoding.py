"""From a network's map to atoms: peaks, calibrated confidence, and whole molecules under the ice rules."""

import numpy as np
from ase import Atoms
from torch import Tensor

from icescope.learning.calibration import probability
from icescope.maps.ice_rules import assign_molecules
from icescope.maps.outputs import OUTPUTS
from icescope.maps.shoulders import add_shoulders

FAINTEST = {"avdw": 0.35, "peaks": 0.1}  # confidence, not calibrated, of peaks that the ice rules may choose from
UNLIKELY = 0.03  # calibrated confidence of peaks that the ice rules are not offered: a missing hydrogen costs less
SURE = 0.7  # calibrated confidence of a hydrogen below which its molecule is not settled


def candidates(maps: Tensor, pixel_size: float, card: dict) -> list[Atoms]:
    """All atoms that finished maps (n, channels, y, x) may show, faint ones too; confidences as they are in the map.

    The array "peak" is False for hydrogens of heat maps that `maps.shoulders.add_shoulders` has found. In a colour map
    only those species are looked for that the network was shown, where its card says which.
    """
    output, labels = card["network"]["output"], card["labels"] | {"threshold": FAINTEST[card["network"]["output"]]}
    if output == "avdw":
        shown = card.get("species", labels["disc_radius"])
        labels["disc_radius"] = {symbol: r for symbol, r in labels["disc_radius"].items() if symbol in shown}
    found = OUTPUTS[output].locate(maps, pixel_size, labels)
    if output == "peaks" and "H" in labels["disc_radius"]:
        return add_shoulders(maps, found, pixel_size, labels)
    for atoms in found:
        atoms.set_array("peak", np.ones(len(atoms), bool))
    return found


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
    Structures with arrays "confidence" and "pose"; under the rules also "molecule" and "settled": False in a molecule
    that the rules could not settle, or with a hydrogen less certain than SURE.
    """
    if rules:
        return [confidence_under_rules(one, card) for one in choose_molecules(found, card)]
    thresholds, usual = card.get("threshold", {}), card["labels"]["threshold"]
    structures = []
    for atoms in (_calibrated(one, card) for one in found):
        least = np.array([thresholds.get(symbol, usual) for symbol in atoms.symbols])
        kept = atoms[atoms.arrays["peak"] & (atoms.arrays["confidence"] >= least)]
        del kept.arrays["peak"]
        structures.append(kept)
    return structures


def decodings(found: list[Atoms], chosen: list[Atoms], card: dict) -> dict[str, list[Atoms]]:
    """Ways to make atoms of the same candidates, by name, to be scored side by side.

    - "peaks": all above their species' threshold.
    - "ice rules": what the rules choose, `chosen` of `choose_molecules`.
    - "ice rules, settled": those of its molecules that are settled.
    - "peaks, as many": peaks with only the most certain hydrogens, as many as are settled: leaving out doubtful ones
      helps any decoding, and this is how much.
    """
    peaks = decode(found, card, rules=False)
    under_rules = [confidence_under_rules(one, card) for one in chosen]
    settled = [one[one.arrays["settled"]] for one in under_rules]
    number = sum(int((one.numbers == 1).sum()) for one in settled)
    certain = np.sort(np.concatenate([one.arrays["confidence"][one.numbers == 1] for one in peaks]))[::-1]
    least = certain[min(number, len(certain)) - 1] if number and len(certain) else np.inf
    as_many = [one[(one.numbers != 1) | (one.arrays["confidence"] >= least)] for one in peaks]
    return {"peaks": peaks, "ice rules": under_rules, "ice rules, settled": settled, "peaks, as many": as_many}


def choose_molecules(found: list[Atoms], card: dict) -> list[Atoms]:
    """Molecules of each map under the ice rules; the confidence of an atom is still that of a candidate.

    See `decode`.
    """
    known, bound = OUTPUTS[card["network"]["output"]].heights_known, card["labels"]["pose_bound"]
    calibrated = (_calibrated(one, card) for one in found)
    return [assign_molecules(atoms[atoms.arrays["confidence"] >= UNLIKELY], bound, known) for atoms in calibrated]


def confidence_under_rules(chosen: Atoms, card: dict) -> Atoms:
    """Atoms of `choose_molecules` with the confidence of what the rules have chosen.

    No longer settled is a molecule with a hydrogen below SURE: where the network is in doubt, a rule that leaves no
    other choice may only pass on a neighbour's mistake.
    """
    atoms, learnt = chosen.copy(), card.get("calibration_under_rules", {})
    del atoms.arrays["peak"]
    confidence = probability(chosen.arrays["confidence"], settled_species(chosen), learnt)
    molecule = atoms.arrays["molecule"]
    doubtful = (atoms.numbers == 1) & (molecule >= 0) & (confidence < SURE)
    atoms.arrays["settled"] &= ~np.isin(molecule, molecule[doubtful])
    atoms.arrays["confidence"] = confidence
    return atoms


def settled_species(atoms: Atoms) -> np.ndarray:
    """Species of each atom and whether its molecule is settled, such as "H settled": what the rules have made of it."""
    settled = np.where(atoms.arrays["settled"], " settled", " unsettled")
    return np.char.add(np.array(atoms.get_chemical_symbols(), dtype="U2"), settled)


def species_of_candidates(atoms: Atoms) -> np.ndarray:
    """Species of each of `candidates`, a hydrogen without a peak being "H shoulder"."""
    symbols = np.array(atoms.get_chemical_symbols(), dtype="U10")
    return np.where(atoms.arrays["peak"], symbols, np.char.add(symbols, " shoulder"))


def _calibrated(found: Atoms, card: dict) -> Atoms:
    """A copy with the calibrated confidences of candidates."""
    atoms, learnt = found.copy(), card.get("calibration", {})
    atoms.arrays["confidence"] = probability(found.arrays["confidence"], species_of_candidates(found), learnt)
    return atoms
