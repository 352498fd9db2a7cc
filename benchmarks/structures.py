"""Small structures of water for comparisons between programs: SPC/E geometry and charges, nothing relaxed."""

import numpy as np
from ase import Atoms

CHARGE = {"O": -0.8476, "H": 0.4238, "Na": 1.0}  # e; Berendsen et al. 1987, J. Phys. Chem. 91, 6269
OH = 1.0  # A
HALF_ANGLE = np.radians(109.47 / 2)


def molecule(oxygen: np.ndarray, middle: np.ndarray, across: np.ndarray) -> Atoms:
    """A water molecule: O at `oxygen`, its hydrogens about the direction `middle`, in the plane with `across`."""
    middle = np.asarray(middle, float) / np.linalg.norm(middle)
    across = np.asarray(across, float) - np.dot(across, middle) * middle
    across /= np.linalg.norm(across)
    arms = [OH * (np.cos(HALF_ANGLE) * middle + sign * np.sin(HALF_ANGLE) * across) for sign in (1, -1)]
    return _charged(Atoms("OH2", [oxygen, *(oxygen + np.array(arms))]))


def donor(oxygen: np.ndarray, first: np.ndarray, towards: np.ndarray) -> Atoms:
    """A water molecule with one hydrogen along `first` and the other as near to the direction `towards` as can be."""
    first = np.asarray(first, float) / np.linalg.norm(first)
    side = np.asarray(towards, float) - np.dot(towards, first) * first
    side /= np.linalg.norm(side)
    middle = np.cos(HALF_ANGLE) * first + np.sin(HALF_ANGLE) * side
    return molecule(oxygen, middle, first)


def water() -> Atoms:
    """One molecule, tilted, with one hydrogen up."""
    return molecule(np.zeros(3), [0.6, 0.3, 0.4], [0.2, -0.1, 1.0])


def hexamer() -> Atoms:
    """A ring of six molecules 2.75 A apart; every other free hydrogen points up, the rest point outwards."""
    angles = np.arange(6) * np.pi / 3
    oxygens = np.stack([2.75 * np.cos(angles), 2.75 * np.sin(angles), 0.2 * (-1.0) ** np.arange(6)], axis=1)
    outwards = oxygens * [1, 1, 0]
    towards = np.where(np.arange(6)[:, None] % 2 == 0, [0, 0, 3], outwards)
    rows = zip(oxygens, np.roll(oxygens, -1, axis=0) - oxygens, towards, strict=True)
    return _join([donor(*row) for row in rows])


def hydrate() -> Atoms:
    """Na+ with four molecules at 2.35 A in a square, raised by unequal heights, hydrogens outwards."""
    waters = []
    for turn, (height, tilt) in enumerate([(0.3, 0.0), (0.0, 0.6), (0.5, -0.3), (0.1, 1.2)]):
        angle = turn * np.pi / 2 + 0.2
        outwards = np.array([np.cos(angle), np.sin(angle), 0])
        across = np.array([-np.sin(angle) * np.cos(tilt), np.cos(angle) * np.cos(tilt), np.sin(tilt)])
        waters.append(molecule(2.35 * outwards + [0, 0, height], outwards + [0, 0, 0.3], across))
    return _join([_charged(Atoms("Na", [[0, 0, 0]])), *waters])


def bilayer(repeat: tuple[int, int] = (2, 1)) -> Atoms:
    """A proton-ordered ice bilayer, periodic in x and y; its rectangular cell of four molecules is 4.5 x 7.794 A.

    Zigzag chains run along x, their bonds in opposite senses. In each chain the upper molecules raise a free
    hydrogen and the lower ones give theirs to the next chain.
    """
    a, buckling = 4.5, 0.9
    b = a * np.sqrt(3)
    upper = np.array([[0.0, b / 6, buckling], [a / 2, 2 * b / 3, buckling]])
    lower = np.array([[a / 2, 0.0, 0.0], [0.0, b / 2, 0.0]])
    molecules = []
    for chain, sense in enumerate((1, -1)):
        along = np.array([sense * a / 2, 0.0, 0.0])
        rise = upper[chain] - lower[chain]
        step = np.array([0.0, rise[1], rise[2]])
        molecules.append(donor(lower[chain], along + step, [0, -1, 0]))
        molecules.append(donor(upper[chain], along - step, [0, 0, 1]))
    cell = _join(molecules)
    cell.set_cell([a, b, 20.0])
    cell.set_pbc([True, True, False])
    return cell.repeat((*repeat, 1))


def layer(columns: int, rows: int, seed: int, spacing: float = 3.0, roughness: float = 0.8) -> Atoms:
    """Molecules on a square lattice about the origin, turned at random and of uneven height, A; not periodic."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(columns) - (columns - 1) / 2, np.arange(rows) - (rows - 1) / 2)
    heights = rng.uniform(-roughness, roughness, columns * rows)
    oxygens = np.stack([spacing * x.ravel(), spacing * y.ravel(), heights], axis=1)
    return _join([molecule(oxygen, *rng.normal(size=(2, 3))) for oxygen in oxygens])


def _charged(atoms: Atoms) -> Atoms:
    atoms.set_initial_charges([CHARGE[symbol] for symbol in atoms.symbols])
    return atoms


def _join(parts: list[Atoms]) -> Atoms:
    return sum(parts[1:], parts[0])
