"""Colours of the phases of amorphous ice, the same in all figures."""

# Okabe and Ito's palette, told apart under every common colour vision; LDA, HDA and IA as in the paper.
COLOURS = {"LDA": "#E69F00", "MDA": "#CC79A7", "HDA": "#0072B2", "IA": "#009E73"}
