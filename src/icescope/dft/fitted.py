"""The electron density fitted with Gaussians about the atoms, whose potential is known in closed form."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from pyscf import df, gto
from pyscf.gto import gto_norm
from pyscf.gto.basis import load
from pyscf.lib import pack_tril
from scipy.linalg import cho_factor, cho_solve
from scipy.special import factorial, gamma, gammainc

from icescope.dft.density import Density
from icescope.progress import track

AUXILIARY_BASIS = "def2-universal-jkfit"
DIFFUSE = (0.1, 0.2, 0.4, 0.8)  # exponents, bohr^-2, of functions up to DEGREE
DEGREE = 4
WEIGHT = 1e8  # e^2/Hartree, of the potential's squares beside the Coulomb energy
RIDGE = 1e-12  # of the metric's diagonal, as the functions of neighbours are nearly dependent
# The radial functions are tabulated over the logarithm of the distance: from inside the sharpest core function, bohr,
# to where of the widest function exp(-TAIL) is left, and each is its multipole.
NEAREST, NODES, TAIL = 1e-4, 1024, 16
BLOCK = 2**16  # points between two reports of progress, a second or so


@dataclass(frozen=True)
class FittedDensity:
    """Potential of the fitted electrons, about each atom as a sum of solid harmonics times radial functions.

    centre (a, 3), bohr; number, nuclear charges (a,); table (a, node, harmonic): the radial
    functions over the logarithm of the distance up to `farthest`, bohr; multipole (a, harmonic): the same beyond it,
    times r^(2l + 1).
    """

    centre: np.ndarray
    number: np.ndarray
    table: np.ndarray
    multipole: np.ndarray
    farthest: float
    largest_degree: int


def fit_density(density: Density, points: np.ndarray, potential: np.ndarray) -> FittedDensity:
    """Fit the density in the Coulomb metric and to its potential, with its number of electrons kept.

    Minimises the Coulomb energy of what the fit lacks (Dunlap et al. 1979, JCP 71, 3396), plus WEIGHT times the squares
    of what its potential lacks. The former alone is some meV off outside.

    Parameters
    ----------
    points, potential
        (n, 3), bohr, and the exact potential there (n,), Hartree per e.
    """
    molecule = density.molecule
    auxiliary = df.make_auxmol(molecule, auxiliary_basis(molecule.elements))
    response = gto.intor_cross("int2c2e", auxiliary, gto.fakemol_for_charges(points))
    distance = np.linalg.norm(points[:, None] - molecule.atom_coords(), axis=-1)
    of_electrons = (molecule.atom_charges() / distance).sum(1) - potential
    metric = auxiliary.intor("int2c2e") + WEIGHT * (response @ response.T)
    metric[np.diag_indices_from(metric)] *= 1 + RIDGE
    metric = cho_factor(metric, overwrite_a=True)
    electrons = _electrons(auxiliary)
    coefficient = cho_solve(metric, _coulomb(density, auxiliary) + WEIGHT * (response @ of_electrons))
    uniform = cho_solve(metric, electrons)
    coefficient += uniform * (molecule.nelectron - electrons @ coefficient) / (electrons @ uniform)
    return _tabulated(auxiliary, coefficient)


def auxiliary_basis(elements: Iterable[str]) -> dict[str, list]:
    """Functions of the fit by element, as PySCF takes them: a universal set, and diffuse ones."""
    diffuse = [[degree, [exponent, 1.0]] for degree in range(DEGREE + 1) for exponent in DIFFUSE]
    return {element: load(AUXILIARY_BASIS, element) + diffuse for element in set(elements)}


def _coulomb(density: Density, auxiliary) -> np.ndarray:
    """Coulomb integrals of the density with each auxiliary function, atom by atom to save memory."""
    molecule = density.molecule
    packed = pack_tril(density.matrix + density.matrix.T)
    diagonal = np.arange(molecule.nao)
    packed[diagonal * (diagonal + 3) // 2] /= 2
    both, shells = molecule + auxiliary, molecule.nbas
    return np.concatenate(
        [
            packed
            @ both.intor("int3c2e", aosym="s2ij", shls_slice=(0, shells, 0, shells, shells + first, shells + end))
            for first, end, *_ in auxiliary.aoslice_by_atom()
        ]
    )


def _electrons(auxiliary) -> np.ndarray:
    """Integral of each auxiliary function."""
    integral = np.zeros(auxiliary.nao)
    for shell in range(auxiliary.nbas):
        if auxiliary.bas_angular(shell) == 0:
            exponents, contraction = auxiliary.bas_exp(shell), _contraction(auxiliary, shell)
            own = slice(auxiliary.ao_loc[shell], auxiliary.ao_loc[shell + 1])
            integral[own] = ((np.pi / exponents) ** 1.5 @ contraction) / math.sqrt(4 * np.pi)
    return integral


def _contraction(auxiliary, shell: int) -> np.ndarray:
    """Factors (exponent, function) of r^l exp(-a r^2) Y_lm in a shell's functions."""
    degree, exponents = auxiliary.bas_angular(shell), auxiliary.bas_exp(shell)
    return gto_norm(degree, exponents)[:, None] * auxiliary.bas_ctr_coeff(shell)


def _tabulated(auxiliary, coefficient: np.ndarray) -> FittedDensity:
    """Sum the shells of each atom into one radial function for each harmonic.

    A function r^l exp(-a r^2) Y_lm has the potential r^l Y_lm 4 pi / (2l + 1) [gamma(l + 3/2, a r^2) / (2 a^(l + 3/2)
    r^(2l + 1)) + exp(-a r^2) / (2 a)], with gamma the lower incomplete gamma function.
    """
    largest = max(auxiliary.bas_angular(shell) for shell in range(auxiliary.nbas))
    farthest = math.sqrt(TAIL / min(auxiliary.bas_exp(shell).min() for shell in range(auxiliary.nbas)))
    log_r = np.linspace(math.log(NEAREST), math.log(farthest), NODES)
    r = np.exp(log_r)
    radial = np.zeros((auxiliary.natm, NODES, (largest + 1) ** 2))
    multipole = np.zeros((auxiliary.natm, (largest + 1) ** 2))
    for shell in range(auxiliary.nbas):
        degree, atom = auxiliary.bas_angular(shell), auxiliary.bas_atom(shell)
        own = coefficient[auxiliary.ao_loc[shell] : auxiliary.ao_loc[shell + 1]].reshape(-1, 2 * degree + 1)
        # PySCF orders p functions x, y, z, and all others from m = -l to l.
        own = own[:, [1, 2, 0]] if degree == 1 else own
        amplitude = 4 * np.pi / (2 * degree + 1) * _contraction(auxiliary, shell) @ own  # (exponent, m)
        half = degree + 1.5
        columns = slice(degree**2, (degree + 1) ** 2)
        for a, weight in zip(auxiliary.bas_exp(shell), amplitude, strict=True):
            outer = gamma(half) / (2 * a**half)
            shape = outer * gammainc(half, a * r**2) / r ** (2 * degree + 1) + np.exp(-a * r**2) / (2 * a)
            radial[atom, :, columns] += shape[:, None] * weight
            multipole[atom, columns] += outer * weight
    charges = auxiliary.atom_charges().astype(float)
    return FittedDensity(auxiliary.atom_coords(), charges, radial, multipole, farthest, largest)


def fitted_potential(fit: FittedDensity, points: np.ndarray) -> np.ndarray:
    """Potential of nuclei and fitted electrons at points (n, 3), bohr: (n,), Hartree per e."""
    degrees = np.arange(fit.largest_degree + 1)
    # Real solid harmonics, normalised: factors of the associated Legendre functions by (l, |m|).
    norm = np.zeros((len(degrees), len(degrees)))
    for degree in degrees:
        m = degrees[: degree + 1]
        norm[degree, : degree + 1] = np.sqrt((2 - (m == 0)) * (2 * degree + 1) / (4 * np.pi))
        norm[degree, : degree + 1] *= np.sqrt(factorial(degree - m) / factorial(degree + m))
    points, result = np.ascontiguousarray(points), np.empty(len(points))
    about = fit.centre, fit.number, fit.table, fit.multipole, fit.farthest, norm
    starts = range(0, len(points), BLOCK)
    for start in track(starts, "potential of the fit", len(starts)):
        some = slice(start, start + BLOCK)
        _sum(points[some], *about, result[some])
    return result


@njit(fastmath=True, error_model="numpy", cache=True)
def _sum(points, centre, number, table, multipole, farthest, norm, result):
    most = len(norm) - 1
    nodes = table.shape[1]
    start, step = math.log(NEAREST), (math.log(farthest) - math.log(NEAREST)) / (nodes - 1)
    for p in range(len(points)):
        legendre = np.zeros((most + 1, most + 1))
        radial = np.empty((most + 1) ** 2)
        total = 0.0
        for a in range(len(centre)):
            x, y, z = points[p, 0] - centre[a, 0], points[p, 1] - centre[a, 1], points[p, 2] - centre[a, 2]
            square = x * x + y * y + z * z
            r = math.sqrt(square)
            if r > farthest:
                power = 1 / r
                for degree in range(most + 1):
                    for k in range(degree * degree, (degree + 1) * (degree + 1)):
                        radial[k] = multipole[a, k] * power
                    power /= square
            else:
                place = (math.log(max(r, NEAREST)) - start) / step
                first = min(max(int(place) - 1, 0), nodes - 4)
                t = place - first
                # Cubic through the four nodes about the place.
                w0, w1 = -(t - 1) * (t - 2) * (t - 3) / 6, t * (t - 2) * (t - 3) / 2
                w2, w3 = -t * (t - 1) * (t - 3) / 2, t * (t - 1) * (t - 2) / 6
                for k in range((most + 1) * (most + 1)):
                    radial[k] = (
                        w0 * table[a, first, k]
                        + w1 * table[a, first + 1, k]
                        + w2 * table[a, first + 2, k]
                        + w3 * table[a, first + 3, k]
                    )
            # r^l P_lm by its recursions, and (x + iy)^m.
            total += number[a] / r
            cosine, sine, diagonal = 1.0, 0.0, 1.0
            for m in range(most + 1):
                legendre[m, m] = diagonal
                if m < most:
                    legendre[m + 1, m] = (2 * m + 1) * z * diagonal
                for degree in range(m + 2, most + 1):
                    legendre[degree, m] = (
                        (2 * degree - 1) * z * legendre[degree - 1, m]
                        - (degree + m - 1) * square * legendre[degree - 2, m]
                    ) / (degree - m)
                for degree in range(m, most + 1):
                    middle = degree * degree + degree
                    size = norm[degree, m] * legendre[degree, m]
                    total -= size * cosine * radial[middle + m]
                    if m > 0:
                        total -= size * sine * radial[middle - m]
                cosine, sine = cosine * x - sine * y, cosine * y + sine * x
                diagonal *= 2 * m + 1
        result[p] = total
