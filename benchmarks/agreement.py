"""Agreement of `icescope.afm.simulate` with ppafm 0.4.1, and with its own reference method.

    python benchmarks/agreement.py [--ppafm-bin DIR] [--save-test-data]

ppafm runs on a 0.05 A grid and relaxes to 1e-8 eV/A. Prints a table and writes benchmarks/agreement.json; with
--save-test-data also the frequency shifts of ppafm that tests/afm/test_against_ppafm.py compares with.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import ppafm_peer
import structures
from ase import Atoms
from machine import machine

from icescope.afm import Scan, Tip, simulate

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/agreement.json"
TEST_DATA = ROOT / "tests/afm/ppafm/frequency_shift.npz"

AMPLITUDE = 0.5  # A
STRUCTURES = ("water", "hexamer", "hydrate", "bilayer")
TIPS = {"monopole": Tip(charge=-0.05), "dz2": Tip(charge=-0.05, multipole="dz2")}
LOWEST = {"close": 7.3, "far": 12.3}  # A; anchor above the highest oxygen
HEIGHTS = 0.1 * np.arange(23)  # A above the lowest
COLUMNS = 12  # along x and along y
PPAFM = {"grid_step": 0.05, "force_tolerance": 1e-8, "padding": 2.0}
IMAGES = 2  # cells that ppafm adds on each side of the bilayer; ours gets the same cells as one patch
MORE_IMAGES = (1, 2, 4, 8)  # for the comparison with our endless layer; 1 is ppafm's default
SNAP = 0.3  # A; a probe that moves sideways three times as far as the tip descends has changed its minimum


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ppafm_peer.add_option(parser)
    parser.add_argument("--save-test-data", action="store_true", help=f"write {TEST_DATA.relative_to(ROOT)}")
    options = parser.parse_args()
    python = ppafm_peer.interpreter(options.ppafm_bin)

    rows, data = [], {}
    for name in STRUCTURES:
        cell = getattr(structures, name)()
        patch = _patch(cell)
        data |= {f"{name}/{key}": value for key, value in _arrays(patch).items()}
        for tip_name, tip in TIPS.items():
            for distance, lowest in LOWEST.items():
                scan = _scan(cell, lowest)
                peer = ppafm_peer.run(python, cell, tip, scan, AMPLITUDE, images=IMAGES, **PPAFM)
                row, snapped = _compare(patch, tip, scan, peer)
                rows.append({"structure": name, "tip": tip_name, "scan": distance, **row})
                case = f"{name}/{tip_name}/{distance}"
                data |= {f"{case}/{axis}": getattr(scan, axis) for axis in ("x", "y", "tip_height")}
                data |= {f"{case}/shift": peer.shift.astype(np.float32), f"{case}/snapped": snapped}
    images = _images(python)
    for table in (rows, images):
        print(pd.DataFrame(table).to_string(index=False, float_format="{:.2g}".format))
    settings = {"ppafm": PPAFM, "amplitude_A": AMPLITUDE, "snap_A": SNAP}
    result = {**machine(), **settings, "cases": rows, "images": images}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    if options.save_test_data:
        TEST_DATA.parent.mkdir(exist_ok=True)
        np.savez_compressed(TEST_DATA, amplitude=AMPLITUDE, **data)


def _images(python: Path) -> list[dict]:
    """Differences, Hz, of ppafm with more and more cells on each side from our endless layer, in the close scan."""
    cell, tip = structures.bilayer(), TIPS["monopole"]
    scan = _scan(cell, LOWEST["close"])
    ours = simulate(cell, tip, scan, AMPLITUDE, method="reference").frequency_shift.values
    settings = PPAFM | {"grid_step": 0.1}
    shifts = {n: ppafm_peer.run(python, cell, tip, scan, AMPLITUDE, images=n, **settings).shift for n in MORE_IMAGES}
    # What a square patch of dipoles leaves out falls as one over its side.
    few, many = MORE_IMAGES[-2:]
    side, longer = 2 * few + 1, 2 * many + 1
    shifts["endless"] = (longer * shifts[many] - side * shifts[few]) / (longer - side)
    errors = {count: np.abs(shift - ours) for count, shift in shifts.items()}
    return [
        {"images": count, "p99_Hz": float(np.percentile(error, 99)), "max_Hz": float(error.max())}
        for count, error in errors.items()
    ]


def _compare(atoms: Atoms, tip: Tip, scan: Scan, peer: ppafm_peer.PeerResult) -> tuple[dict, np.ndarray]:
    """Differences in Hz over the columns in which no probe snaps, and which columns (y, x) those are not."""
    fastest, reference = (
        simulate(atoms, tip, scan, AMPLITUDE, method=method, details=True) for method in ("fastest", "reference")
    )
    snapped = _snaps(reference.probe_position.values) | _snaps(peer.probe)
    shifts = {
        "fastest": fastest.frequency_shift.values,
        "reference": reference.frequency_shift.values,
        "ppafm": peer.shift,
    }
    row = {
        "contrast_Hz": float(np.ptp(shifts["reference"][0])),
        "columns": snapped.size,
        "snapped": int(snapped.sum()),
    }
    for one, other in (("fastest", "ppafm"), ("reference", "ppafm"), ("fastest", "reference")):
        error = np.abs(shifts[one] - shifts[other])[:, ~snapped]
        row[f"{one}_{other}_p99_Hz"] = float(np.percentile(error, 99))
        row[f"{one}_{other}_max_Hz"] = float(error.max())
    return row, snapped


def _snaps(probe: np.ndarray) -> np.ndarray:
    """Columns (y, x) in which a probe (tip_height, y, x, 3) jumps sideways between two heights."""
    return (np.linalg.norm(np.diff(probe[..., :2], axis=0), axis=-1) > SNAP).any(0)


def _scan(atoms: Atoms, lowest: float) -> Scan:
    """Columns over a molecule and 1 A around it, or over a periodic cell less 1 A at its edges.

    Across the edges ppafm's field of a finite number of images jumps, as it wraps.
    """
    heights = atoms.positions[atoms.symbols == "O", 2].max() + lowest + HEIGHTS
    if atoms.pbc.any():
        low, high = np.ones(2), atoms.cell.lengths()[:2] - 1
    else:
        low, high = atoms.positions[:, :2].min(0) - 1, atoms.positions[:, :2].max(0) + 1
    return Scan(*np.linspace(low, high, COLUMNS).T, heights)


def _patch(atoms: Atoms) -> Atoms:
    """All the cells that ppafm sums, as one structure without periodicity."""
    if not atoms.pbc.any():
        return atoms
    patch = atoms.repeat((2 * IMAGES + 1, 2 * IMAGES + 1, 1))
    patch.positions -= IMAGES * (atoms.cell[0] + atoms.cell[1])
    patch.pbc = False
    return patch


def _arrays(atoms: Atoms) -> dict[str, np.ndarray]:
    return {
        "numbers": atoms.numbers.astype(np.uint8),
        "positions": atoms.positions,
        "charges": atoms.get_initial_charges(),
    }


if __name__ == "__main__":
    main()
