"""Atomic force microscopy with a CO tip: simulated and measured stacks of frequency-shift images."""

from icescope.afm.scan import Scan
from icescope.afm.simulation import simulate, simulate_tensor
from icescope.afm.tip import Tip

__all__ = ["Scan", "Tip", "simulate", "simulate_tensor"]
