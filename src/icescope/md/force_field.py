"""Force fields as data: water models, metals and ions, each a small table in `force_fields/` with sources.

A new metal or ion is one more row of a table there, a new water model one more table; no code.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from ase.units import kJ, mol

from icescope.errors import InputError

WATER_SPECIES = ("O", "H")
WATER_MODELS = ("spce", "tip4p_ice")
SPECIES_TABLES = ("interface_metals", "joung_cheatham")
FOLDER = "src/icescope/md/force_fields"


@dataclass(frozen=True)
class Species:
    """Non-bonded parameters of one kind of atom.

    `sigma` in A, `epsilon` in eV, `charge` in e; `lattice` is the lattice constant of an fcc metal in A, None for
    all else.
    """

    sigma: float
    epsilon: float
    charge: float
    lattice: float | None
    source: str


@dataclass(frozen=True)
class Water:
    """A rigid water model: one Lennard-Jones site on O, charges on O and H or on H and M.

    `sigma` (A) and `epsilon` (eV) are of O; charges in e; `bond` O-H in A, `angle` H-O-H in degrees. M lies on the
    bisector of the angle, `distance_om` (A) from O; a three-site model has none, and `distance_om` is 0.
    """

    name: str
    sigma: float
    epsilon: float
    charge_o: float
    charge_h: float
    charge_m: float
    bond: float
    angle: float
    distance_om: float

    @property
    def distance_hh(self) -> float:
        """H-H distance, A: 2 bond sin(angle/2)."""
        return 2 * self.bond * float(np.sin(np.radians(self.angle / 2)))

    @property
    def has_site(self) -> bool:
        """Whether the model has the site M."""
        return self.distance_om > 0

    @property
    def site_weight(self) -> float:
        """Weight w of each H in M = (1 - 2w) O + w (H1 + H2): distance_om / (2 bond cos(angle/2))."""
        return self.distance_om / (2 * self.bond * float(np.cos(np.radians(self.angle / 2))))

    @property
    def charges(self) -> tuple[float, ...]:
        """Charges of O, H, H and, where the model has it, M, e."""
        atoms = (self.charge_o, self.charge_h, self.charge_h)
        return (*atoms, self.charge_m) if self.has_site else atoms

    @property
    def species(self) -> dict[str, Species]:
        """O and H as rows of a species table; the charge of M is not among them."""
        return {
            "O": Species(self.sigma, self.epsilon, self.charge_o, None, self.name),
            "H": Species(1.0, 0.0, self.charge_h, None, self.name),
        }


@cache
def water_model(name: str) -> Water:
    """Parameters of a water model, by the name of its table.

    Raises
    ------
    InputError
        There is no such table.
    """
    if name not in WATER_MODELS:
        raise InputError(f"There is no water model {name!r}; take one of {', '.join(WATER_MODELS)}.")
    value = {row["parameter"]: float(row["value"]) for row in _rows(name)}
    return Water(
        name=name,
        sigma=value["sigma_O"],
        epsilon=value["epsilon_O"] * kJ / mol,
        charge_o=value["charge_O"],
        charge_h=value["charge_H"],
        charge_m=value["charge_M"],
        bond=value["bond_OH"],
        angle=value["angle_HOH"],
        distance_om=value["distance_OM"],
    )


@cache
def species_table(water: str = "spce") -> dict[str, Species]:
    """All species by chemical symbol: O and H of a water model, the metals, and the ions."""
    table = dict(water_model(water).species)
    for name in SPECIES_TABLES:
        for row in _rows(name):
            table[row["species"]] = Species(
                sigma=float(row["sigma"]),
                epsilon=float(row["epsilon"]) * kJ / mol,
                charge=float(row["charge"]),
                lattice=float(row["lattice"]) if row["lattice"] else None,
                source=row["source"],
            )
    return table


def metals() -> dict[str, Species]:
    """The fcc metals of the tables, by chemical symbol."""
    return {name: row for name, row in species_table().items() if row.lattice is not None}


def metal_species(symbol: str) -> Species:
    """Parameters of one metal.

    Raises
    ------
    InputError
        The tables have no fcc metal of that symbol.
    """
    if symbol not in metals():
        raise InputError(
            f"The force field has no metal {symbol!r}; take one of {', '.join(sorted(metals()))}, "
            f"or add a row to {FOLDER}/interface_metals.csv."
        )
    return metals()[symbol]


def salt_lattice(salt: str) -> float:
    """Lattice constant of a rock salt, A.

    Raises
    ------
    InputError
        The table has no such salt.
    """
    lattices = {row["salt"]: float(row["lattice"]) for row in _rows("salts")}
    if salt not in lattices:
        raise InputError(
            f"The force field has no salt {salt!r}; take one of {', '.join(sorted(lattices))}, "
            f"or add a row to {FOLDER}/salts.csv."
        )
    return lattices[salt]


def mix(one: Species, other: Species) -> tuple[float, float]:
    """Lorentz-Berthelot parameters of a pair: mean of the sigmas (A), geometric mean of the epsilons (eV)."""
    return (one.sigma + other.sigma) / 2, float(np.sqrt(one.epsilon * other.epsilon))


def _rows(table: str) -> list[dict[str, str]]:
    """Rows of one table; lines that begin with # are comments."""
    text = files("icescope.md").joinpath("force_fields", f"{table}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


OH_BOND = water_model("spce").bond  # A
HOH_ANGLE = water_model("spce").angle  # degrees
