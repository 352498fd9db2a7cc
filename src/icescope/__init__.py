"""icescope: atoms of water and ice out of scanning-probe images."""

__version__ = "0.1.0"
