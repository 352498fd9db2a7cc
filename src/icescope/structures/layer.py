"""The layer of water that a tip meets first."""

from ase import Atoms

# Waters may stand above the others; the tip then stays as far from the highest oxygen as it does over the first layer
# of a film, where the mean oxygen lies 1.2 A below the highest (figure afm_heights).
LAYER = 1.2


def layer_height(atoms: Atoms) -> float:
    """Height of the layer that a tip would see, A: the mean of the oxygens, or LAYER below the highest if more."""
    oxygen = atoms.positions[atoms.numbers == 8, 2]
    return float(max(oxygen.mean(), oxygen.max() - LAYER))
