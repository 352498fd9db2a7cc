"""ppafm 0.4.1, the probe-particle program to compare with, on our structures, tips and scans.

Its conventions, read from its source and checked in tests/afm/test_against_ppafm.py on what it computes:

- The scan (scanMin, scanMax, scanStep) places the anchor in the frame of the atoms; the free probe hangs r0Probe[2]
  below. Its output files count heights from the probe instead: 4 A less.
- Amplitude is peak to peak, twice ours. The first frequency shift belongs to the first height plus half of it, so to
  the middle of the oscillation, as ours does.
- Springs: klat on the two lateral components, krad on the stretch of the whole bond; N/m with 16.0217662 N/m an eV/A^2.
- The force comes from a grid (gridO, gridA, gridB, gridC, gridN) by linear interpolation and wraps at its faces. Atoms
  are repeated along gridA and gridB, nPBC cells each way, so for a periodic structure the grid must be its cell.
- The tip `dz2` on point charges has the energy Q d2phi/dz2 (differences over 0.1 A), Q in e A^2.
- Relaxation stops below 1e-4 eV/A, and after 1000 steps without a word.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from icescope.afm import Scan, Tip

WORKER = Path(__file__).with_name("ppafm_worker.py")
TIPS = {"monopole": "s", "dz2": "dz2"}


@dataclass(frozen=True)
class PeerResult:
    """What ppafm computed, and at what cost.

    force (tip_height, y, x), eV/A; probe (tip_height, y, x, 3), A; shift (height, y, x), Hz. Force and shift are NaN
    in columns where the probe left the grid, which wraps there.
    core_seconds: of its calls, without start and files, of which field_seconds for the grid.
    start_memory, peak_memory: of its process once loaded, and at most, MiB.
    """

    force: np.ndarray
    probe: np.ndarray
    shift: np.ndarray
    core_seconds: float
    field_seconds: float
    start_memory: float
    peak_memory: float


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option that says where ppafm is."""
    parser.add_argument("--ppafm-bin", type=Path, metavar="DIR", help="folder of ppafm's commands; default: found")


def interpreter(folder: Path | None) -> Path:
    """The Python that has ppafm: beside its commands in `folder`, else beside this Python or on the PATH."""
    here = Path(sys.executable).parent
    for one in [folder] if folder else [here, Path(shutil.which("ppafm-relaxed-scan") or here).parent]:
        if (one / "ppafm-relaxed-scan").exists() and (one / "python").exists():
            return one / "python"
    raise SystemExit("ppafm is not here; pip install ppafm==0.4.1, or say where its commands are with --ppafm-bin.")


def run(
    python: Path,
    atoms: Atoms,
    tip: Tip,
    scan: Scan,
    amplitude: float,
    f0: float = 28700.0,
    k0: float = 1800.0,
    grid_step: float = 0.1,
    force_tolerance: float | None = None,
    images: int = 1,
    padding: float = 3.0,
    threads: int = 1,
) -> PeerResult:
    """Simulate one structure with ppafm.

    Parameters
    ----------
    python
        The interpreter that has ppafm.
    atoms, tip, scan, amplitude, f0, k0
        As for `icescope.afm.simulate`; the scan's steps must be even, the structure periodic in x and y or in neither.
    grid_step
        Of the force field, A.
    force_tolerance
        eV/A; relax until the force is below, however many steps that takes. None: ppafm's own criterion.
    images
        Cells that are added on each side of a periodic structure, in x and in y.
    padding
        Of the grid beyond the range of the free probe, A; the default is that of ppafm's automatic grid.
    """
    origin, cell, points = _grid(atoms, tip, scan, grid_step, padding)
    axes = (scan.x, scan.y, scan.tip_height)
    options = {
        "PBC": bool(atoms.pbc[0]),
        "nPBC": [images, images, 0],
        "gridO": origin.tolist(),
        "gridA": cell[0].tolist(),
        "gridB": cell[1].tolist(),
        "gridC": cell[2].tolist(),
        "gridN": points.tolist(),
        "probeType": tip.element,
        "charge": tip.charge,
        "tip": TIPS[tip.multipole],
        "r0Probe": [*tip.tilt, tip.length],
        "klat": tip.lateral_stiffness,
        "krad": tip.radial_stiffness,
        "scanMin": [float(axis[0]) for axis in axes],
        "scanMax": [float(axis[-1]) for axis in axes],
        "scanStep": [_step(axis) for axis in axes],
        "Amplitude": 2 * amplitude,
        "f0Cantilever": f0,
        "kCantilever": k0,
        "relaxation": force_tolerance and {"most_steps": 100_000, "force_tolerance": force_tolerance},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "parameters.json").write_text(json.dumps(options))
        _write_xyz(folder / "atoms.xyz", atoms)
        _run([python, WORKER, folder], threads)
        with np.load(folder / "result.npz", allow_pickle=False) as file:
            result = {key: file[key] for key in file}
    # ppafm's arrays are (x, y, height).
    probe = np.moveaxis(result["probe"], (0, 1, 2), (2, 1, 0))
    outside = ((probe < origin) | (probe > origin + cell.diagonal() - grid_step))[..., 2 if atoms.pbc[0] else 0 :]
    left = outside.any((0, 3))
    shown = {name: np.where(left, np.nan, result[name].T) for name in ("force", "shift")}
    costs = {name: float(result[name]) for name in ("core_seconds", "field_seconds", "start_memory", "peak_memory")}
    return PeerResult(probe=probe, **shown, **costs)


def _grid(atoms: Atoms, tip: Tip, scan: Scan, step: float, padding: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin (3,), cell (3, 3), both A, and number of points (3,) of the grid about the probe's range."""
    low = np.array([scan.x[0], scan.y[0], scan.tip_height[0] - tip.length]) - padding
    high = np.array([scan.x[-1], scan.y[-1], scan.tip_height[-1] - tip.length]) + padding
    points = np.ceil((high - low) / step - 1e-6).astype(int) + 1
    cell = np.diag(points * step)
    if atoms.pbc[:2].any():
        if not atoms.pbc[:2].all():
            raise ValueError("ppafm repeats a structure along x and y or along neither.")
        cell[:2] = atoms.cell[:2]
        points[:2] = np.rint(np.linalg.norm(atoms.cell[:2], axis=1) / step)
        low[:2] = 0
    return low, cell, points


def _step(axis: np.ndarray) -> float:
    """The step of an even axis, A."""
    if len(axis) == 1:
        return 1.0
    steps = np.diff(axis)
    if not np.allclose(steps, steps[0], atol=1e-9):
        raise ValueError("ppafm scans at even steps.")
    # Rounded, since ppafm takes one step more for the oscillation when the last digit says so.
    return round(float(axis[-1] - axis[0]) / (len(axis) - 1), 9)


def _write_xyz(path: Path, atoms: Atoms) -> None:
    rows = zip(atoms.symbols, atoms.positions, atoms.get_initial_charges(), strict=True)
    lines = [f"{symbol} {x:.9f} {y:.9f} {z:.9f} {charge:.9f}" for symbol, (x, y, z), charge in rows]
    # No lattice in the comment: ppafm would round it to single precision.
    path.write_text("\n".join([str(len(atoms)), "", *lines, ""]))


def _run(command: list, threads: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
