"""Forces between the probe particle and the atoms: Lennard-Jones pairs and point charges.

Energies in eV, lengths in A, charges in e. The pair energy is
E(r) = eps [(R/r)^12 - 2 (R/r)^6] + k q Q / r (Hapala et al. 2014, PRB 90, 085421, eqs. 1-3), with
R = R_i + R_probe and eps = sqrt(eps_i eps_probe).
"""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from icescope.errors import InputError

COULOMB = 14.399645  # eV A / e^2


class Sample(NamedTuple):
    """Atoms of a batch as the probe feels them: position (b, a, 3); c12, c6, kq (b, a).

    The pair energy is c12 / r^12 - c6 / r^6 + kq / r; padding atoms have zeros in all three.
    """

    position: Tensor
    c12: Tensor
    c6: Tensor
    kq: Tensor


@cache
def lennard_jones_table() -> pd.DataFrame:
    """R_min/2 (A) and epsilon (eV) by element; each row names its source."""
    table = files("icescope.afm") / "lennard_jones.csv"
    return pd.read_csv(str(table), index_col="element", keep_default_na=False)


def pair_coefficients(symbols: list[str], charges: np.ndarray, probe: str, probe_charge: float) -> np.ndarray:
    """Coefficients c12, c6, kq of each atom's pair energy with the probe: (n, 3), eV A^12, eV A^6, eV A.

    Raises
    ------
    InputError
        An element is not in the Lennard-Jones table.
    """
    table = lennard_jones_table()
    unknown = sorted({*symbols, probe} - set(table.index))
    if unknown:
        raise InputError(
            f"no Lennard-Jones parameters for {', '.join(unknown)}; known elements: {', '.join(table.index)}."
        )
    r = (table.r_min_half[symbols] + table.r_min_half[probe]).to_numpy()
    epsilon = np.sqrt(table.epsilon[symbols].to_numpy() * table.epsilon[probe])
    return np.stack([epsilon * r**12, 2 * epsilon * r**6, COULOMB * probe_charge * np.asarray(charges)], axis=1)


def pair_energy(probe: Tensor, sample: Sample) -> Tensor:
    """Energy of the probe with all atoms: probe (b, p, 3) -> (b, p), eV."""
    r = (probe[:, :, None] - sample.position[:, None]).norm(dim=-1)
    t = r**-6
    return ((sample.c12[:, None] * t - sample.c6[:, None]) * t + sample.kq[:, None] / r).sum(-1)


def pair_force_and_hessian(probe: Tensor, sample: Sample) -> tuple[Tensor, Tensor]:
    """Force on the probe and Hessian of its energy, in one sweep over the pairs.

    With d = probe - atom, u = r^-2, t = r^-6: F = sum g d and H = sum (h d d^T - g I), where
    g = u (12 c12 t^2 - 6 c6 t + kq/r) and h = u^2 (168 c12 t^2 - 48 c6 t + 3 kq/r).

    Parameters
    ----------
    probe
        (b, p, 3), A.

    Returns
    -------
    force (b, p, 3), eV/A, and hessian (b, p, 3, 3), eV/A^2.
    """
    atoms = sample.position
    d2 = (probe[:, :, None, 0] - atoms[:, None, :, 0]).square_()
    d2.addcmul_(d := probe[:, :, None, 1] - atoms[:, None, :, 1], d)
    d2.addcmul_(d := probe[:, :, None, 2] - atoms[:, None, :, 2], d)
    u = d2.reciprocal_()
    t = u * u * u
    repulsion = t * t * sample.c12[:, None]
    attraction = t.mul_(sample.c6[:, None])
    coulomb = u.sqrt().mul_(sample.kq[:, None])
    g = torch.add(coulomb, repulsion, alpha=12).sub_(attraction, alpha=6).mul_(u)
    h = coulomb.mul_(3).add_(repulsion, alpha=168).sub_(attraction, alpha=48).mul_(u).mul_(u)

    # The sums over atoms are matrix products with the moments of the atoms' positions: d = probe - atom.
    moments = torch.cat([torch.ones_like(atoms[..., :1]), atoms], dim=-1)
    g_sum, g_position = (g @ moments).split([1, 3], dim=-1)
    second = (atoms[..., :, None] * atoms[..., None, :]).flatten(-2)
    h_sum, h_position, h_second = (h @ torch.cat([moments, second], dim=-1)).split([1, 3, 9], dim=-1)
    force = g_sum * probe - g_position
    cross = probe[..., :, None] * h_position[..., None, :]
    hessian = h_sum[..., None] * probe[..., :, None] * probe[..., None, :] - cross - cross.mT
    hessian = hessian + h_second.unflatten(-1, (3, 3)) - g_sum[..., None] * torch.eye(3).to(probe)
    return force, hessian
