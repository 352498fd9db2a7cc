"""The faces of a slab of ice as the tip of a microscope meets them."""

import numpy as np
from ase import Atoms

from icescope.md.force_field import species_table
from icescope.premelting.layers import SIDES, Bilayers
from icescope.structures.layer import layer_height
from icescope.structures.molecule import whole_molecules

SEEN = 2  # bilayers that reach the tip; the third is over 7 A below the first


def face(frame: Atoms, sheets: Bilayers, side: str) -> Atoms:
    """The two outermost bilayers of a face, turned upwards.

    Parameters
    ----------
    frame
        Of a slab of water, O, H, H molecule by molecule, A, in an orthorhombic cell.
    sheets
        Its bilayers.
    side
        "upper", or "lower", which is turned about x.

    Returns
    -------
    Whole molecules with the charges of SPC/E, oxygens inside the cell, periodic along x and y; z counts from where AFM
    heights do, `layer_height` of the outermost bilayer. The array "depth" has 0 for atoms of that bilayer and 1
    for those of the next.
    """
    edges = frame.cell.lengths()
    molecules = whole_molecules(frame.positions.reshape(-1, 3, 3), edges)
    number = sheets.of(molecules[:, 0], edges[2])
    if side == SIDES[0]:
        molecules, number = molecules * [1, -1, -1], sheets.count - 1 - number
    depth = sheets.count - 1 - number
    molecules, depth = molecules[depth < SEEN], depth[depth < SEEN]
    oxygens = molecules[:, 0]
    # The slab may lie across the boundary of the cell: near its uppermost bilayer it does not.
    first = oxygens[depth == 0][0]
    place = np.concatenate([oxygens[:, :2] % edges[:2], (oxygens - first)[:, 2:]], axis=1)
    place[:, 2] -= edges[2] * np.round(place[:, 2] / edges[2])
    molecules = molecules + (place - oxygens)[:, None]
    charges = [species_table()[symbol].charge for symbol in "OHH"]
    atoms = Atoms("OHH" * len(molecules), molecules.reshape(-1, 3), cell=edges, pbc=[True, True, False])
    atoms.set_initial_charges(np.tile(charges, len(molecules)))
    atoms.set_array("depth", np.repeat(depth, 3))
    atoms.positions[:, 2] -= layer_height(atoms[atoms.arrays["depth"] == 0])
    return atoms
