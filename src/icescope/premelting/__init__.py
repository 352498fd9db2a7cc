"""Premelting: the order and mobility of the layers at the surface of ice, and at what temperatures they change."""
