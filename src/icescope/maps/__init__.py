"""Maps of atoms: drawing them, finding the atoms in them, scoring what was found."""
