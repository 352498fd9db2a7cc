"""Electrostatic potentials of isolated clusters from density functional theory."""

from icescope.dft.potential import electrostatic_potential, potential_grid

__all__ = ["electrostatic_potential", "potential_grid"]
