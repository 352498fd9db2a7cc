"""Structures: building them (water films on metals) and cutting them (windows)."""
