"""OpenMM system of a structure: rigid water, ions, fixed atoms, particle mesh Ewald, a metal as a field."""

from dataclasses import dataclass

import numpy as np
import openmm
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ase.units import kJ, mol, nm

from icescope.errors import InputError
from icescope.md.force_field import metals, species_table, water_model
from icescope.md.metal_field import metal_force
from icescope.md.model import Model
from icescope.md.topology import check_species, fixed_atoms, water_molecules


@dataclass(frozen=True)
class MolecularSystem:
    """An OpenMM system and where its particles come from.

    The first particles are the atoms `atoms` (particle,), indices into the structure, and the sites M follow,
    molecule by molecule. A metal that acts as a field has no particles.
    """

    system: openmm.System
    nonbonded: openmm.NonbondedForce
    atoms: np.ndarray
    sites: int

    def moves(self, particle: int) -> bool:
        """Whether an atom has a mass, or a site M hangs on one that has."""
        if self.system.isVirtualSite(particle):
            particle = self.system.getVirtualSite(particle).getParticle(0)
        return self.system.getParticleMass(particle)._value > 0


def molecular_system(atoms: Atoms, model: Model, cell: np.ndarray) -> MolecularSystem:
    """System of a structure, periodic in x, y and z.

    A metal, which has no charge and never moves, acts on the other atoms through its Lennard-Jones energy
    (`metal_field`), unless the dispersion is summed by Ewald's method, for which its atoms must be particles.
    Fixed atoms have no mass, which is how OpenMM knows that they do not move.

    Parameters
    ----------
    atoms
        Structure as `engine` describes it.
    model
        Equal cut-offs.
    cell
        Vectors (3, 3) in rows, A; orthorhombic, or triclinic in the lower-triangular form that OpenMM needs.

    Raises
    ------
    InputError
        Cut-offs that differ or do not fit the cell, an unknown element, a tail correction beside a metal, or a metal
        that is not whole (111) cells.
    """
    check_species(atoms, model.water)
    _check_cell(model, cell)
    symbols = np.array(atoms.get_chemical_symbols())
    is_metal = np.isin(symbols, list(metals()))
    if model.tail and is_metal.any():
        raise InputError("The model has a tail correction and the structure a metal; a slab is not homogeneous.")
    as_field = is_metal & (not model.lj_pme)
    particles = np.flatnonzero(~as_field)
    fixed, water, table = fixed_atoms(atoms), water_model(model.water), species_table(model.water)
    particle_of = np.full(len(atoms), -1)
    particle_of[particles] = np.arange(len(particles))
    molecules = particle_of[water_molecules(symbols)]

    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*np.asarray(cell) / nm)
    nonbonded = _nonbonded(model)
    for atom in particles:
        symbol = symbols[atom]
        system.addParticle(0.0 if fixed[atom] else atomic_masses[atomic_numbers[symbol]])
        species = table[symbol]
        nonbonded.addParticle(species.charge, species.sigma / nm, species.epsilon / (kJ / mol))
    for molecule in molecules.tolist():
        sites = list(molecule)
        if water.has_site:
            sites.append(system.addParticle(0.0))
            nonbonded.addParticle(water.charge_m, 0.1, 0.0)
            weight = water.site_weight
            system.setVirtualSite(sites[3], openmm.ThreeParticleAverageSite(*molecule, 1 - 2 * weight, weight, weight))
        if not fixed[particles[molecule[0]]]:
            for one, other, distance in ((0, 1, water.bond), (0, 2, water.bond), (1, 2, water.distance_hh)):
                system.addConstraint(molecule[one], molecule[other], distance / nm)
        for later, site in enumerate(sites):
            for earlier in sites[:later]:
                nonbonded.addException(earlier, site, 0, 1, 0)
    system.addForce(nonbonded)
    if as_field.any():
        moving = {symbol: particle_of[(symbols == symbol) & ~fixed] for symbol in set(symbols[~as_field])}
        for force in metal_force(atoms, cell, np.flatnonzero(as_field), moving, model):
            system.addForce(force)
    return MolecularSystem(system, nonbonded, particles, len(molecules) if water.has_site else 0)


def _nonbonded(model: Model) -> openmm.NonbondedForce:
    """The force of all pairs, without its particles."""
    nonbonded = openmm.NonbondedForce()
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.LJPME if model.lj_pme else openmm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(model.coulomb_cutoff / nm)
    nonbonded.setUseDispersionCorrection(model.tail)
    nonbonded.setEwaldErrorTolerance(model.ewald_tolerance)
    return nonbonded


def _check_cell(model: Model, cell: np.ndarray) -> None:
    """Refuse what OpenMM cannot do."""
    if model.lj_cutoff != model.coulomb_cutoff:
        raise InputError(
            f"OpenMM has one cut-off, but the model's lj_cutoff is {model.lj_cutoff} A and its coulomb_cutoff "
            f"{model.coulomb_cutoff} A; make them equal, or take the engine lammps."
        )
    cell = np.asarray(cell)
    if np.abs(np.triu(cell, 1)).max() > 1e-6 or np.diag(cell).min() <= 0:
        raise InputError(
            "The cell's vectors are not in the lower-triangular form; give the structure a cell [a, b, c]."
        )
    if np.diag(cell).min() < 2 * model.coulomb_cutoff:
        edges = " x ".join(f"{edge:.1f}" for edge in np.diag(cell))
        raise InputError(
            f"The cell, {edges} A, is smaller than twice the cut-off ({model.coulomb_cutoff} A); "
            "take a larger structure (films: repeats or vapour), or lower the cut-off."
        )
