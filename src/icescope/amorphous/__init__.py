"""Phases of amorphous ice from the surroundings of each molecule."""
