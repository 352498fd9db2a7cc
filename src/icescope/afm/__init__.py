"""Atomic force microscopy with a CO tip: simulated and measured stacks of frequency-shift images."""

from icescope.afm.relaxation import Tip
from icescope.afm.simulation import Scan, simulate

__all__ = ["Scan", "Tip", "simulate"]
