"""Molecular dynamics: force fields, engines, protocols, runs that resume, and their records."""

import logging

logging.getLogger("MDAnalysis").setLevel(logging.WARNING)  # its notes on missing formats are not for our logs
