"""How the forces are computed and the equations of motion integrated: what every engine needs to know."""

from dataclasses import dataclass

from icescope.errors import InputError
from icescope.md.force_field import water_model


@dataclass(frozen=True)
class Model:
    """Water model, cut-offs, long-range treatment and time step.

    Parameters
    ----------
    water
        "spce" or "tip4p_ice". Water is rigid in every engine.
    lj_cutoff, coulomb_cutoff
        Of Lennard-Jones and of the real-space part of the Ewald sum, A. OpenMM and GROMACS have one cut-off for
        both and refuse two that differ; LAMMPS takes each.
    tail
        Add the analytic energy and pressure of Lennard-Jones beyond the cut-off, which is right for a homogeneous
        system only: none for slabs and films.
    lj_pme
        Sum the Lennard-Jones dispersion by Ewald's method too, instead of cutting it off: the choice for slabs where
        the engine has it (OpenMM). Excludes `tail`.
    ewald_tolerance
        Relative error of the forces that the engine is asked for, by its own measure.
    timestep
        fs.
    friction
        Of the Langevin thermostat, 1/ps.

    Raises
    ------
    InputError
        A value that is out of range, or two that exclude each other.
    """

    water: str = "tip4p_ice"
    lj_cutoff: float = 10.0
    coulomb_cutoff: float = 10.0
    tail: bool = True
    lj_pme: bool = False
    ewald_tolerance: float = 5e-4
    timestep: float = 2.0
    friction: float = 1.0

    def __post_init__(self) -> None:
        water_model(self.water)
        for name in ("lj_cutoff", "coulomb_cutoff", "timestep", "friction"):
            if not getattr(self, name) > 0:
                raise InputError(f"The model's {name} is {getattr(self, name)}; it must be positive.")
        if not 0 < self.ewald_tolerance < 0.1:
            raise InputError(f"The model's ewald_tolerance is {self.ewald_tolerance}; it must be between 0 and 0.1.")
        if self.tail and self.lj_pme:
            raise InputError("The model has both tail and lj_pme; the Ewald sum of the dispersion leaves no tail.")
