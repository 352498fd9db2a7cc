"""OpenMM system of a water film: rigid SPC/E water by particle mesh Ewald, and a frozen metal as a field."""

import numpy as np
import openmm
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ase.units import kJ, mol, nm

from icescope.errors import InputError
from icescope.md.force_field import HH_DISTANCE, OH_BOND, WATER_SPECIES, species_table
from icescope.md.metal_field import metal_force
from icescope.structures.film import water_and_metal


def film_system(atoms: Atoms, cutoff: float) -> openmm.System:
    """System of the water of a film, periodic in x, y and z, in the field of its frozen metal.

    Its particles are the water atoms only, in the order of `atoms`; the metal, which has no charge, acts on
    the oxygens through its Lennard-Jones energy (`metal_field`). Lennard-Jones and real-space Coulomb share
    one cut-off, with no tail correction, since a film is not homogeneous.

    Parameters
    ----------
    atoms
        Film with an orthorhombic cell, topmost metal plane at z = 0; without metal, plain water.
    cutoff
        Lennard-Jones and real-space cut-off, A.

    Raises
    ------
    InputError
        The cell is smaller than twice the cut-off, or the metal or the water is not as `water_film` makes it.
    """
    edges = atoms.cell.lengths()
    if edges.min() < 2 * cutoff:
        raise InputError(
            f"The cell, {edges[0]:.1f} x {edges[1]:.1f} x {edges[2]:.1f} A, is smaller than twice md.cutoff "
            f"({cutoff} A); raise films.repeats or films.vapour, or lower md.cutoff."
        )
    water, metal = water_and_metal(atoms.get_chemical_symbols())
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag(edges / nm))
    nonbonded = openmm.NonbondedForce()
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(cutoff / nm)
    nonbonded.setUseDispersionCorrection(False)
    species = {symbol: species_table()[symbol] for symbol in WATER_SPECIES}
    for symbol in atoms[water].get_chemical_symbols():
        atom = species[symbol]
        system.addParticle(atomic_masses[atomic_numbers[symbol]])
        nonbonded.addParticle(atom.charge, atom.sigma / nm, atom.epsilon / (kJ / mol))
    for oxygen in range(0, len(water), 3):
        for one, other, distance in ((0, 1, OH_BOND), (0, 2, OH_BOND), (1, 2, HH_DISTANCE)):
            system.addConstraint(oxygen + one, oxygen + other, distance / nm)
            nonbonded.addException(oxygen + one, oxygen + other, 0, 1, 0)
    system.addForce(nonbonded)
    if len(metal):
        system.addForce(metal_force(atoms, metal, np.arange(0, len(water), 3), cutoff))
    return system
