"""Trajectories of water for the tests, in the formats that people have, and a classifier for them."""

import MDAnalysis as mda
import numpy as np
from ase import Atoms

from icescope.amorphous.classifier import PhaseClassifier
from icescope.amorphous.classifier_training import train_classifier
from icescope.amorphous.soap import soap
from icescope.amorphous.splits import split_at_random
from icescope.structures.ice import ice_ih


def drifting_ice(frames: int) -> list[Atoms]:
    """16 molecules in a sheared cell, drifting out of it."""
    ice = ice_ih((1, 1, 1), seed=1)
    ice.set_cell([[8.99, 0, 0], [2.0, 7.79, 0], [0.5, -1.0, 7.34]])
    drifting = []
    for step in range(frames):
        moved = ice.copy()
        moved.positions += 7.0 * step + np.random.default_rng(step).normal(scale=0.1, size=moved.positions.shape)
        drifting.append(moved)
    return drifting


def universe(frames: list[Atoms], sites: bool, **attributes) -> mda.Universe:
    """All frames with these names, one molecule of O, H, H (and M) after another; lists repeat."""
    size, count = (4, 16) if sites else (3, 16)
    positions = np.array([frame.positions.reshape(count, 3, 3) for frame in frames])
    if sites:
        positions = np.concatenate([positions, positions[:, :, :1] + 0.1], axis=2)
    made = mda.Universe.empty(
        size * count, n_residues=count, atom_resindex=np.repeat(np.arange(count), size), trajectory=True
    )
    made.load_new(positions.reshape(len(frames), -1, 3), dimensions=[frame.cell.cellpar() for frame in frames])
    for name, values in attributes.items():
        made.add_TopologyAttr(name, np.tile(values, count))
    return made


def lammps_dump(frames: list[Atoms], path) -> None:
    """Triclinic, with unwrapped coordinates and numbers for types."""
    with path.open("w") as file:
        for step, frame in enumerate(frames):
            (xx, _, _), (xy, yy, _), (xz, yz, zz) = frame.cell
            corners = [min(0, xy, xz, xy + xz), xx + max(0, xy, xz, xy + xz)], [min(0, yz), yy + max(0, yz)], [0, zz]
            file.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(frame)}\n")
            file.write("ITEM: BOX BOUNDS xy xz yz pp pp pp\n")
            for (low, high), tilt in zip(corners, (xy, xz, yz), strict=True):
                file.write(f"{low:.9f} {high:.9f} {tilt:.9f}\n")
            file.write("ITEM: ATOMS id type xu yu zu\n")
            for number, (symbol, position) in enumerate(zip(frame.symbols, frame.positions, strict=True), 1):
                file.write(f"{number} {1 if symbol == 'O' else 2} {' '.join(f'{x:.6f}' for x in position)}\n")


def taught_classifier(descriptors: str) -> PhaseClassifier:
    """Quickly taught to call ice of 0.9 to 0.96 g/cm3 LDA, and of 1.2 to 1.3 g/cm3 HDA."""
    rows, phase = [], []
    for number, densities in enumerate([(0.9, 0.92, 0.94, 0.96), (1.2, 1.23, 1.26, 1.3)]):
        for seed, density in enumerate(densities):
            ice = ice_ih((2, 2, 2), seed, density=density)
            ice.rattle(0.1, seed=seed + 10 * number)
            rows.append(soap(ice, descriptors))
            phase += [number] * len(rows[-1])
    settings = {"scaling": "standardised", "batch_size": 128, "learning_rate": 1e-3, "epochs": 4}
    phase = np.array(phase)
    return train_classifier(np.concatenate(rows), phase, split_at_random(phase, seed=1), settings, seed=2)[0]
