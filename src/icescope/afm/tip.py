"""The tip: a probe particle on springs below its anchor."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from icescope.afm.frequency_shift import NEWTON_PER_METRE
from icescope.errors import InputError

MULTIPOLES = ("monopole", "dz2")


@dataclass(frozen=True)
class Tip:
    """A tip that ends in a flexible probe particle (Hapala et al. 2014, PRB 90, 085421).

    element: the probe's element in the Lennard-Jones table.
    charge, multipole: Q and the multipole that it is. In the sample's electrostatic potential V the probe has the
        energy Q V as a "monopole" (Q in e) and Q d2V/dz2 as the point quadrupole "dz2" (Q in e A^2), whether V comes
        from point charges or from a grid.
    lateral_stiffness, radial_stiffness: of the springs to the anchor, N/m.
    length: distance of the free probe from the anchor, the tip's outmost metal atom, A.
    tilt: sideways displacement (x, y) of the free probe, A: a CO that hangs at a slant.

    The charge, the stiffnesses, the length and the tilt's parts may be zero-dimensional tensors (`simulate_tensor`).
    """

    element: str = "O"
    charge: float = -0.05
    multipole: str = "monopole"
    lateral_stiffness: float = 0.5
    radial_stiffness: float = 20.0
    length: float = 4.0
    tilt: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self):
        if self.multipole not in MULTIPOLES:
            raise InputError(f"the tip's multipole must be one of {', '.join(MULTIPOLES)}, not {self.multipole!r}.")
        for name in ("lateral_stiffness", "radial_stiffness", "length"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"the tip's {name} must be positive and finite, not {getattr(self, name)}.")
        if not abs(self.charge) < float("inf"):
            raise InputError(f"the tip's charge must be a finite number, not {self.charge}.")
        if len(self.tilt) != 2 or not self.tilt[0] ** 2 + self.tilt[1] ** 2 < self.length**2:
            raise InputError(f"the tip's tilt must be two lengths in A that leave the probe below it, not {self.tilt}.")


class Springs(NamedTuple):
    """The tip's springs as the relaxation takes them: stiffnesses in eV/A^2, the probe's place when free in A."""

    lateral: Tensor | float
    radial: Tensor | float
    length: Tensor | float
    tilt_x: Tensor | float
    tilt_y: Tensor | float

    @classmethod
    def of(cls, tip: Tip) -> "Springs":
        """Springs of a tip."""
        return cls(
            tip.lateral_stiffness / NEWTON_PER_METRE, tip.radial_stiffness / NEWTON_PER_METRE, tip.length, *tip.tilt
        )

    def numbers(self) -> list[float]:
        """The springs' values without their gradients."""
        return [float(one.detach()) if isinstance(one, Tensor) else float(one) for one in self]

    def free_probe(self) -> tuple[float, float, float]:
        """Position of the free probe from its anchor, A."""
        length, x, y = self.numbers()[2:]
        return x, y, -((length**2 - x**2 - y**2) ** 0.5)


def spring_energy(probe: Tensor, anchor: Tensor, springs: Springs) -> Tensor:
    """Energy of the springs, eV: [k_lat ((x - tilt_x)^2 + (y - tilt_y)^2) + k_rad (r - length)^2] / 2.

    The formula of Hapala et al. 2014, section II; probe, anchor (..., 3), A, and r = (x, y, z) the vector between them.
    """
    x, y, z = (probe - anchor).unbind(-1)
    r = (x * x + y * y + z * z).sqrt()
    lateral = (x - springs.tilt_x) ** 2 + (y - springs.tilt_y) ** 2
    return (springs.lateral * lateral + springs.radial * (r - springs.length) ** 2) / 2


def spring_force_and_hessian(probe: Tensor, anchor: Tensor, springs: Springs) -> tuple[Tensor, Tensor]:
    """Force of the springs on the probe (3, ...), eV/A, and Hessian of their energy (6, ...), eV/A^2.

    The Hessian's components are xx, xy, xz, yy, yz, zz; probe, anchor (..., 3), A.
    """
    x, y, z = (probe - anchor).unbind(-1)
    r = (x * x + y * y + z * z).sqrt()
    pull = springs.radial * (1 - springs.length / r)
    along = (springs.radial - pull) / r**2
    side = springs.lateral
    force = [-side * (x - springs.tilt_x) - pull * x, -side * (y - springs.tilt_y) - pull * y, -pull * z]
    hessian = [
        side + pull + along * x * x, along * x * y, along * x * z, side + pull + along * y * y, along * y * z,
        pull + along * z * z,
    ]  # fmt: skip
    return torch.stack(force), torch.stack(hessian)
