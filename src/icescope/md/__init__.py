"""Molecular dynamics: force fields, systems, the film protocol, density profiles."""

import logging

logging.getLogger("MDAnalysis").setLevel(logging.WARNING)  # its notes on missing formats are not for our logs
