"""Electron density of an isolated cluster: PySCF, checked before and after."""

import logging
import warnings
from contextlib import closing
from dataclasses import dataclass
from itertools import count

import numpy as np
import pyscf
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import get_distances
from pyscf import df, dft, gto, scf
from pyscf.gto.basis import BasisNotFoundError
from scipy.spatial.distance import pdist, squareform

from icescope.errors import InputError
from icescope.progress import track

log = logging.getLogger(__name__)

# Of the Coulomb energy in the self-consistent field, and of a hybrid's exchange.
COULOMB_FIT, EXCHANGE_FIT = "def2-universal-jfit", "def2-universal-jkfit"
CLOSEST = 0.6  # of the sum of two covalent radii; distorted geometries converge too, so they are refused before
BONDED = 1.2  # of that sum, at most
HARTREE = 27.211386245988  # eV (CODATA 2018)
HEAVIEST = 36  # krypton; heavier elements would need a core potential beside their basis
MOST_CYCLES = 50
MOST_INTEGRALS = 2e9  # bytes of three-centre integrals that are kept in memory
# What a calculation that does not converge goes on with, one after another.
REMEDIES = {"none": {}, "damping": {"damp": 0.5}, "level shift": {"damp": 0.0, "level_shift": 0.2}}


class NotConvergedError(InputError):
    """A self-consistent field that no remedy brought to convergence."""


@dataclass(frozen=True)
class Density:
    """A converged density.

    molecule: PySCF's, with positions and basis. matrix (n, n): density matrix, both spins together. energy: eV.
    functional, basis: their names. remedy: what convergence took, "none" as a rule; cycles: of all attempts.
    """

    molecule: gto.Mole
    matrix: np.ndarray
    energy: float
    functional: str
    basis: str
    remedy: str
    cycles: int

    def attributes(self) -> dict[str, str | float]:
        """What a file of its potential should say of it."""
        return {
            "functional": self.functional,
            "basis": str(self.basis),
            "charge": self.molecule.charge,
            "spin": self.molecule.spin,
            "energy_eV": self.energy,
            "remedy": self.remedy,
            "cycles": self.cycles,
            "code": f"PySCF {pyscf.__version__} with its libcint, libxc {dft.libxc.__version__}",
        }


def electron_density(
    atoms: Atoms, charge: int = 0, spin: int = 0, xc: str = "PBE", basis: str = "def2-SVPD"
) -> Density:
    """Density of an isolated cluster by Kohn-Sham theory with density fitting.

    Periodicity is ignored, so molecules have to be whole.

    Integration grids of level 1 and a convergence of 1e-6 Hartree leave less than 0.05 meV of noise in the potential
    2 A and more from the atoms.

    Parameters
    ----------
    charge
        Total, e.
    spin
        Number of unpaired electrons.
    xc, basis
        Functional and orbital basis by PySCF's names. Diffuse functions matter more than the basis' size.

    Raises
    ------
    InputError
        Atoms overlap, a bond crosses a face of a periodic cell, charge and spin do not fit the electrons or the charge
        that `atoms.info["charge"]` states, or functional or basis is unknown.
    NotConvergedError
        Neither damping, nor a level shift, nor second-order steps converged.
    """
    molecule = _molecule(atoms, charge, spin, basis)
    try:
        hybrid = dft.libxc.is_hybrid_xc(xc)
    except (AttributeError, KeyError, ValueError) as error:
        raise InputError(
            f"the functional {xc!r} is unknown to PySCF; take PBE, PBE0 or B3LYP, for instance."
        ) from error
    fitting = EXCHANGE_FIT if hybrid else COULOMB_FIT
    field = (dft.UKS if spin else dft.RKS)(molecule, xc=xc).density_fit(fitting)
    field.grids.level = 1
    field.conv_tol = 1e-6
    field.max_cycle = MOST_CYCLES
    if df.make_auxmol(molecule, fitting).nao * molecule.nao**2 * 4 < MOST_INTEGRALS:
        field.with_df.build()  # else a pure functional computes them anew in every cycle
    formula = atoms.get_chemical_formula()
    with closing(track(count(), f"self-consistent field of {formula}: cycle", None)) as progress:
        next(progress)
        field.callback = lambda _: next(progress)
        field, remedy = _converge(field, formula)
        cycles = next(progress) - 1
    if not field.converged:
        raise NotConvergedError(
            f"the density of {formula} with charge {molecule.charge:+d} and {spin} unpaired electrons did not converge "
            "with damping, a level shift or second-order steps; check geometry, charge and spin."
        )
    log.info("density of %s: converged in %d cycles (remedy: %s)", formula, cycles, remedy)
    matrix = np.asarray(field.make_rdm1())
    energy = float(field.e_tot) * HARTREE
    return Density(molecule, matrix.sum(0) if spin else matrix, energy, xc, basis, remedy, cycles)


def _converge(field: scf.hf.SCF, formula: str) -> tuple[scf.hf.SCF, str]:
    """Field after its cycles, and with which remedy they ended; if they did not converge, the last one."""
    for remedy, settings in REMEDIES.items():  # each from where the one before it ended
        for name, value in settings.items():
            setattr(field, name, value)
        field.kernel()
        if field.converged:
            return field, remedy
        log.info("%s: not converged with the remedy %r", formula, remedy)
    start = field.make_rdm1()
    field = field.newton()
    field.kernel(dm0=start)
    return field, "second order"


def stated_charge(atoms: Atoms) -> int:
    """Total charge, e, that a structure states in `atoms.info["charge"]`; 0 if it states none.

    Raises
    ------
    InputError
        It is not a whole number.
    """
    stated = atoms.info.get("charge")
    try:
        charge = 0.0 if stated is None else float(stated)
    except (TypeError, ValueError) as error:
        raise InputError(f"the structure states the charge {stated!r}, which is no number; correct it.") from error
    if not np.isfinite(charge) or abs(charge - round(charge)) > 1e-3:
        raise InputError(f"the structure states a charge of {charge:+g} e, which is not whole; correct it.")
    return round(charge)


def _molecule(atoms: Atoms, charge: int, spin: int, basis: str) -> gto.Mole:
    if not len(atoms):
        raise InputError("the cluster has no atoms.")
    if not np.isfinite(atoms.positions).all():
        raise InputError("the cluster has a position that is not a number; correct it.")
    if (atoms.numbers < 1).any():
        raise InputError(f"atom {atoms.numbers.argmin()} of the cluster is no element; remove it.")
    if (atoms.numbers > HEAVIEST).any():
        raise InputError(f"{atoms.symbols[atoms.numbers.argmax()]} is heavier than Kr; leave the substrate out.")
    radii = covalent_radii[atoms.numbers]
    distance = squareform(pdist(atoms.positions)) + 1e3 * np.eye(len(atoms))
    i, j = np.unravel_index((distance / (radii[:, None] + radii)).argmin(), distance.shape)
    if distance[i, j] < CLOSEST * (radii[i] + radii[j]):
        raise InputError(
            f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) overlap, {distance[i, j]:.2f} A apart."
        )
    _check_whole(atoms, distance)
    electrons = int(atoms.numbers.sum()) - charge
    formula = atoms.get_chemical_formula()
    if not float(charge).is_integer() or electrons < 1:
        raise InputError(f"a charge of {charge:+g} e leaves {electrons:g} electrons on {formula}; correct it.")
    charge, electrons = int(charge), int(electrons)
    if atoms.info.get("charge") is not None and stated_charge(atoms) != charge:
        raise InputError(
            f"a charge of {charge:+d} e was asked for, but the structure states {stated_charge(atoms):+d} e; correct "
            "one of them."
        )
    if not float(spin).is_integer() or spin < 0 or (electrons - spin) % 2 or spin > electrons:
        raise InputError(
            f"{formula} with charge {charge:+d} has {electrons} electrons, of which {spin} cannot "
            "be unpaired; correct the charge or the spin."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice on packages with more bases
            return gto.M(
                atom=list(zip(atoms.symbols, atoms.positions, strict=True)),
                charge=charge, spin=int(spin), basis=basis, unit="Angstrom", verbose=0,
            )  # fmt: skip
    except BasisNotFoundError as error:
        symbols = ", ".join(dict.fromkeys(atoms.symbols))
        raise InputError(f"there is no basis {basis!r} for all of {symbols}; take def2-SVPD, for instance.") from error


def _check_whole(atoms: Atoms, distance: np.ndarray) -> None:
    """Refuse a cluster with a bond across a face of its cell; distance (n, n), A, of its atoms as they stand."""
    if not atoms.pbc.any():
        return
    cell = atoms.cell.complete()
    if not abs(np.linalg.det(cell)) > 0:
        raise InputError("the cluster is periodic, but its cell has no volume; correct it.")
    nearest = get_distances(atoms.positions, cell=cell, pbc=atoms.pbc & atoms.cell.any(1))[1]
    radii = covalent_radii[atoms.numbers]
    bond = BONDED * (radii[:, None] + radii)
    cut = np.argwhere(np.triu((nearest < bond) & (distance >= bond), k=1))
    if len(cut):
        i, j = cut[0]
        raise InputError(
            f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) are bonded across a face of the periodic "
            "cell, but a cluster is computed alone; make its molecules whole, or switch its periodicity off."
        )
