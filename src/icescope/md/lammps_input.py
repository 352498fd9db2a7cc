"""LAMMPS's input for a structure: its data file, and the commands that set up the forces.

The unit style is "metal": A, ps, eV, K, u and A/ps, which are ours, and bar.
"""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from icescope.errors import InputError
from icescope.md.force_field import WATER_SPECIES, mix, species_table, water_model
from icescope.md.model import Model
from icescope.md.topology import fixed_atoms, water_molecules

# The finest error of the forces in the reciprocal sum that LAMMPS is asked for without need, as a fraction of the force
# between two unit charges 1 A apart: that of the published runs of amorphous ice.
KSPACE_ACCURACY = 1e-5


def data_file(atoms: Atoms, model: Model, positions: np.ndarray, velocities: np.ndarray, cell: np.ndarray) -> str:
    """Text of a data file of atom style "full", in which every number can be read back exactly.

    Parameters
    ----------
    atoms
        Kinds and order of the atoms, ids from 1 in that order; types are numbered as in `atom_types`.
    model
        Its water model gives the charges; the charge of a site M is on the oxygen, where LAMMPS expects it.
    positions, velocities
        (atom, 3), A and A/ps, molecules whole.
    cell
        (3, 3), A.

    Raises
    ------
    InputError
        The cell is not orthorhombic.
    """
    edges = np.diag(cell)
    if np.abs(cell - np.diag(edges)).max() > 1e-9:
        raise InputError("LAMMPS runs orthorhombic cells only; give the structure a cell [a, b, c], or take openmm.")
    symbols = atoms.get_chemical_symbols()
    types, molecules = atom_types(symbols), water_molecules(symbols)
    molecule_of = np.zeros(len(atoms), dtype=int)
    molecule_of[molecules] = np.arange(1, len(molecules) + 1)[:, None]
    charges = _charges(model)
    rows = {
        "Masses": [f"{i + 1} {float(atomic_masses[atomic_numbers[symbol]])!r}" for i, symbol in enumerate(types)],
        "Atoms": [
            f"{i + 1} {molecule_of[i]} {types.index(symbol) + 1} {charges[symbol]!r} {x!r} {y!r} {z!r}"
            for i, (symbol, (x, y, z)) in enumerate(zip(symbols, positions.tolist(), strict=True))
        ],
        "Velocities": [f"{i + 1} {x!r} {y!r} {z!r}" for i, (x, y, z) in enumerate(velocities.tolist())],
        "Bonds": [
            f"{2 * i + k} 1 {o + 1} {h + 1}"
            for i, (o, *hs) in enumerate(molecules.tolist())
            for k, h in enumerate(hs, 1)
        ],
        "Angles": [f"{i + 1} 1 {a + 1} {o + 1} {b + 1}" for i, (o, a, b) in enumerate(molecules.tolist())],
    }
    head = ["icescope", "", f"{len(atoms)} atoms", f"{len(types)} atom types"]
    head += [f"{len(rows['Bonds'])} bonds", "1 bond types", f"{len(rows['Angles'])} angles", "1 angle types"]
    head += [f"0 {edge!r} {axis}lo {axis}hi" for axis, edge in zip("xyz", edges.tolist(), strict=True)]
    sections = [line for name, lines in rows.items() if lines for line in ("", name, "", *lines)]
    return "\n".join([*head, *sections, ""])


def setup_commands(atoms: Atoms, model: Model, data: Path) -> str:
    """Commands that read a data file and define the forces of a model, with the groups "mobile" and "fixed".

    Raises
    ------
    InputError
        The model asks for what this engine does not have.
    """
    if model.lj_pme:
        raise InputError("The engine lammps cuts Lennard-Jones off; set lj_pme to false, or take the engine openmm.")
    water, table = water_model(model.water), species_table(model.water)
    types = atom_types(atoms.get_chemical_symbols())
    if water.has_site:
        pair = f"lj/cut/tip4p/long 1 2 1 1 {water.distance_om} {model.lj_cutoff} {model.coulomb_cutoff}"
        kspace = "pppm/tip4p"
    else:
        pair, kspace = f"lj/cut/coul/long {model.lj_cutoff} {model.coulomb_cutoff}", "pppm"
    lines = [
        "units metal",
        "atom_style full",
        "atom_modify map array",
        f"pair_style {pair}",
        "bond_style zero",  # rigid: only the lengths and the angle are used
        "angle_style zero",
        "special_bonds lj/coul 0 0 0",
        f'read_data "{data}"',  # the folder of temporary files may have any name
        f"bond_coeff 1 {water.bond}",
        f"angle_coeff 1 {water.angle}",
    ]
    for later, second in enumerate(types, 1):
        for earlier, first in enumerate(types[:later], 1):
            sigma, epsilon = mix(table[first], table[second])
            lines.append(f"pair_coeff {earlier} {later} {epsilon!r} {sigma!r}")
    # OpenMM's splitting for a tolerance, so that the real-space sum ends with the same error in both.
    splitting = np.sqrt(-np.log(2 * model.ewald_tolerance)) / model.coulomb_cutoff
    lines += [
        f"pair_modify tail {'yes' if model.tail else 'no'}",
        f"kspace_style {kspace} {min(KSPACE_ACCURACY, model.ewald_tolerance / 5)}",
        f"kspace_modify gewald {splitting}",
    ]
    fixed = np.flatnonzero(fixed_atoms(atoms)) + 1
    lines.append("group fixed empty")
    lines += [f"group fixed id {' '.join(map(str, fixed[i : i + 500]))}" for i in range(0, len(fixed), 500)]
    lines += ["group mobile subtract all fixed", f"timestep {model.timestep / 1000}"]
    if len(fixed):
        lines.append("neigh_modify exclude group fixed fixed")
    return "\n".join(lines)


def atom_types(symbols: list[str]) -> list[str]:
    """Chemical symbols in the order of LAMMPS's atom types: O and H, which the pair styles name, then all others."""
    return [*WATER_SPECIES, *sorted(set(symbols) - set(WATER_SPECIES))]


def _charges(model: Model) -> dict[str, float]:
    """Charge of each kind of atom, e, with that of M on O."""
    charges = {symbol: species.charge for symbol, species in species_table(model.water).items()}
    charges["O"] += water_model(model.water).charge_m
    return charges
