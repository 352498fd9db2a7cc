"""GROMACS's input for a structure: topology, coordinates and run parameters, in its units (nm, ps, kJ/mol, bar).

In its files all water comes first, four sites a molecule where the model has the site M, then the ions by element.
"""

from math import gcd

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ase.units import kJ, mol, nm
from scipy.special import erfc

from icescope.errors import InputError
from icescope.md.force_field import species_table, water_model
from icescope.md.model import Model
from icescope.md.stage import Stage
from icescope.md.topology import fixed_atoms, single_atoms, water_molecules

WATER_SITES = ("OW", "HW1", "HW2", "MW")
BAR = 1e-4  # GPa
COMPRESSIBILITY = 4.5e-5  # 1/bar, of water; for the speed of the barostat only
BAROSTAT_TIME = 2.0  # ps
LARGEST_FORCE = 50.0  # kJ/mol/nm, at a minimum
MINIMISER_STEPS = 2000


def order_of_sites(atoms: Atoms, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Atoms of the structure in GROMACS's order, and the place of each in GROMACS's arrays, which have M too.

    Returns
    -------
    order
        Indices (atom,) into the structure.
    places
        (atom,): `array[places]` of an array of sites are the atoms `order`.
    """
    symbols = np.array(atoms.get_chemical_symbols())
    molecules, singles = water_molecules(symbols), single_atoms(symbols)
    singles = singles[np.argsort(symbols[singles], kind="stable")]
    sites = 4 if water_model(model.water).has_site else 3
    water = np.arange(len(molecules))[:, None] * sites + np.arange(3)
    places = np.concatenate([water.ravel(), len(molecules) * sites + np.arange(len(singles))])
    return np.concatenate([molecules.ravel(), singles]), places


def topology(atoms: Atoms, model: Model) -> str:
    """Text of the topology file.

    Raises
    ------
    InputError
        The structure or the model has what this engine does not do: fixed atoms, two cut-offs, the Ewald sum of the
        dispersion.
    """
    if fixed_atoms(atoms).any():
        raise InputError("The engine gromacs is for water and ions that move; take openmm or lammps for fixed atoms.")
    if model.lj_cutoff != model.coulomb_cutoff:
        raise InputError(
            f"GROMACS has one cut-off, but the model's lj_cutoff is {model.lj_cutoff} A and its coulomb_cutoff "
            f"{model.coulomb_cutoff} A; make them equal, or take the engine lammps."
        )
    if model.lj_pme:
        raise InputError("The engine gromacs cuts Lennard-Jones off; set lj_pme to false, or take the engine openmm.")
    water, table = water_model(model.water), species_table(model.water)
    symbols = atoms.get_chemical_symbols()
    ions = sorted(set(symbols) - {"O", "H"})
    names = WATER_SITES[: len(water.charges)]
    lines = ["[ defaults ]", "1 2 no 1 1", "[ atomtypes ]"]
    for symbol in ("O", "H", *ions):
        species, number = table[symbol], atomic_numbers[symbol]
        mass = atomic_masses[number]
        lines.append(f"{symbol} {number} {mass} 0 A {species.sigma / nm:.12g} {species.epsilon / (kJ / mol):.12g}")
    lines += ["M 0 0 0 V 0.1 0", "[ moleculetype ]", "SOL 1", "[ atoms ]"]
    lines += [
        f"{i} {name[0]} 1 SOL {name} 1 {charge}"
        for i, (name, charge) in enumerate(zip(names, water.charges, strict=True), 1)
    ]
    lines += ["[ settles ]", f"1 1 {water.bond / nm:.12g} {water.distance_hh / nm:.12g}"]
    if water.has_site:
        lines += ["[ virtual_sites3 ]", f"4 1 2 3 1 {water.site_weight:.12g} {water.site_weight:.12g}"]
    numbers = range(1, len(names) + 1)
    lines += ["[ exclusions ]", *(" ".join(map(str, [i, *(j for j in numbers if j != i)])) for i in numbers)]
    for ion in ions:
        lines += ["[ moleculetype ]", f"{ion} 1", "[ atoms ]", f"1 {ion} 1 {ion} {ion} 1 {table[ion].charge}"]
    lines += ["[ system ]", "icescope", "[ molecules ]"]
    counts = {"SOL": symbols.count("O"), **{ion: symbols.count(ion) for ion in ions}}
    lines += [f"{name} {count}" for name, count in counts.items() if count]
    return "\n".join([*lines, ""])


def coordinates(
    atoms: Atoms, model: Model, positions: np.ndarray, velocities: np.ndarray | None, cell: np.ndarray
) -> str:
    """Text of the coordinate file, to 1e-8 A, for positions (atom, 3) in A, velocities in A/ps, and a cell (3, 3)."""
    edges = np.diag(cell)
    if np.abs(cell - np.diag(edges)).max() > 1e-9:
        raise InputError("The engine gromacs takes orthorhombic cells only; give a cell [a, b, c], or take openmm.")
    order, places = order_of_sites(atoms, model)
    symbols = np.array(atoms.get_chemical_symbols())
    molecules = water_molecules(symbols)
    water = water_model(model.water)
    parts = [positions] if velocities is None else [positions, velocities]
    table = np.zeros((len(atoms) + (len(molecules) if water.has_site else 0), 3 * len(parts)))
    table[places] = np.hstack(parts)[order] / nm
    if water.has_site:
        weights = np.array([1 - 2 * water.site_weight, water.site_weight, water.site_weight])
        table[3 : 4 * len(molecules) : 4] = np.einsum("a,maf->mf", weights, np.hstack(parts)[molecules]) / nm
    sites = WATER_SITES[: len(water.charges)]
    names = [(i, "SOL", site) for i in range(len(molecules)) for site in sites]
    names += [(len(molecules) + i, ion, ion) for i, ion in enumerate(symbols[order[molecules.size :]])]
    lines = ["icescope", str(len(table))]
    for number, ((residue, kind, name), row) in enumerate(zip(names, table, strict=True), 1):
        label = f"{(residue + 1) % 100000:5d}{kind:<5}{name:>5}{number % 100000:5d}"
        lines.append(label + "".join(f"{value:15.9f}" for value in row))
    return "\n".join([*lines, " ".join(f"{edge / nm:.9f}" for edge in edges), ""])


def forces_parameters(model: Model) -> dict[str, object]:
    """Run parameters of the forces, with the Ewald sum's splitting and grid chosen as OpenMM does for a tolerance."""
    reach = np.sqrt(-np.log(2 * model.ewald_tolerance))  # alpha times the cut-off
    spacing = 1.5 * model.ewald_tolerance**0.2 * model.coulomb_cutoff / reach
    return {
        "cutoff-scheme": "Verlet",
        "coulombtype": "PME",
        "rcoulomb": model.coulomb_cutoff / nm,
        "rvdw": model.lj_cutoff / nm,
        "rlist": model.coulomb_cutoff / nm,
        "coulomb-modifier": "None",  # GROMACS would shift both potentials to zero at the cut-off
        "vdw-modifier": "None",
        "DispCorr": "EnerPres" if model.tail else "no",
        "pme-order": 5,
        "ewald-rtol": erfc(reach),
        "fourierspacing": spacing / nm,
        "nstlog": 0,
    }


def dynamics_parameters(model: Model, piece: Stage, seed: int, frame_interval: float) -> dict[str, object]:
    """Run parameters of a piece.

    Raises
    ------
    InputError
        The piece changes the pressure, or the cell along x alone.
    """
    in_frame = round(1000 * frame_interval / model.timestep)
    parameters = {
        "integrator": "sd",
        "dt": model.timestep / 1000,
        "nsteps": round(piece.duration / frame_interval) * in_frame,
        "nstxout": in_frame,
        "nstvout": in_frame,
        "nstenergy": in_frame,
        "nstcalcenergy": gcd(in_frame, 100),
        "continuation": "yes",
        "comm-mode": "None",
        "ld-seed": seed,
        "tc-grps": "System",
        "tau-t": 1 / model.friction,
        "ref-t": piece.temperature[0],
    }
    if piece.temperature[0] != piece.temperature[1]:
        parameters |= {
            "annealing": "single",
            "annealing-npoints": 2,
            "annealing-time": f"0 {piece.duration}",
            "annealing-temp": f"{piece.temperature[0]} {piece.temperature[1]}",
        }
    if piece.pressure:
        if piece.coupling != "isotropic" or piece.pressure[0] != piece.pressure[1]:
            raise InputError(
                f"The stage {piece.name} changes the pressure, or the cell along x alone; "
                "the engine gromacs holds an isotropic pressure only: take openmm or lammps."
            )
        parameters |= {
            "pcoupl": "C-rescale",
            "tau-p": BAROSTAT_TIME,
            "ref-p": piece.pressure[0] / BAR,
            "compressibility": COMPRESSIBILITY,
        }
    return parameters
