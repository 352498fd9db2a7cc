"""Lennard-Jones parameters and charges of water and of the metals, read from one table with sources.

A new metal is one more row of `force_fields.csv`.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from ase.units import kJ, mol

from icescope.errors import InputError

OH_BOND = 1.0  # A, SPC/E
HOH_ANGLE = 109.47  # degrees, SPC/E
HH_DISTANCE = 2 * OH_BOND * np.sin(np.radians(HOH_ANGLE / 2))  # A

WATER_SPECIES = ("O", "H")


@dataclass(frozen=True)
class Species:
    """Non-bonded parameters of one kind of atom.

    `sigma` in A, `epsilon` in eV, `charge` in e; `lattice` is the fcc lattice constant in A, None for water.
    """

    sigma: float
    epsilon: float
    charge: float
    lattice: float | None
    source: str


@cache
def species_table() -> dict[str, Species]:
    """All rows of `force_fields.csv`, by chemical symbol."""
    lines = files("icescope.md").joinpath("force_fields.csv").read_text(encoding="utf-8").splitlines()
    return {
        row["species"]: Species(
            sigma=float(row["sigma"]),
            epsilon=float(row["epsilon"]) * kJ / mol,
            charge=float(row["charge"]),
            lattice=float(row["lattice"]) if row["lattice"] else None,
            source=row["source"],
        )
        for row in csv.DictReader(line for line in lines if not line.startswith("#"))
    }


def metal_species(symbol: str) -> Species:
    """Parameters of one metal.

    Raises
    ------
    InputError
        The table has no fcc metal of that symbol.
    """
    metals = {name: row for name, row in species_table().items() if row.lattice is not None}
    if symbol not in metals:
        raise InputError(
            f"The force field has no metal {symbol!r}; take one of {', '.join(sorted(metals))}, "
            "or add a row to src/icescope/md/force_fields.csv."
        )
    return metals[symbol]


def mix(one: Species, other: Species) -> tuple[float, float]:
    """Lorentz-Berthelot parameters of a pair: mean of the sigmas (A), geometric mean of the epsilons (eV)."""
    return (one.sigma + other.sigma) / 2, float(np.sqrt(one.epsilon * other.epsilon))
