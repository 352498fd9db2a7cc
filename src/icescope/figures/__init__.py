"""Figures, one module each: data in, Matplotlib figure out."""
