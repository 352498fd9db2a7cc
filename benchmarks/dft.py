"""Time and error of the routes to an electrostatic potential beside PySCF's own `cubegen.mep`, on one thread.

    python benchmarks/dft.py [--quick]

A million points from 2 to 10 A above each of four hydrates as `icescope.structures.hydrate` builds them, charge +1. The
routes that take integrals at every point are timed on some of the points and scaled. Frequency shifts on a few pixels
over the highest atom are compared with those from exact potentials on a finer grid. Writes benchmarks/dft.json and
docs/dft_benchmark.png; with --quick, which only tries the script on the smallest hydrate, to results/benchmarks.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyscf
import xarray as xr
from ase import Atoms
from machine import machine
from pyscf.tools import cubegen

from icescope.afm import Scan, Tip, simulate
from icescope.dft.density import HARTREE, Density, electron_density
from icescope.dft.potential import BOHR, exact_potential, fast_potential
from icescope.figures.page import PAGE, new_figure
from icescope.structures.hydrate import hydrate, without_substrate

ROOT = Path(__file__).parents[1]
# Ion, waters, and points along each edge of cubegen's box: it keeps 8 n (n + 1) / 2 bytes a point for n orbitals.
CLUSTERS = (("Na", 3, 18), ("Na", 4, 18), ("K", 4, 18), ("Na", 10, 13))
SEED = 1
GRID = (128, 128, 62)  # 1.016 million points
ABOVE = (2.0, 10.0)  # A, over the highest atom
BESIDE = 3.0  # A, around the atoms
SAMPLE = 200  # random points at which errors are taken
EXACT = 1040  # points at which the exact route is timed
PIXELS = np.linspace(-1.2, 1.2, 6)  # A, from the highest atom, along x and y
LOWEST = 2.1  # A, of the free probe above the highest atom
LIMIT = {"rms": 1.0, "max": 3.0}  # meV
ROUTES = {"cubegen": "cubegen.mep", "exact": "exact", "fast": "fast"}
# Okabe and Ito's palette: told apart under every common colour vision.
COLOURS = {"cubegen": "#D55E00", "exact": "#009E73", "fast": "#0072B2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="try the script on one small hydrate")
    options = parser.parse_args()
    results = ROOT / "results/benchmarks" if options.quick else ROOT / "benchmarks"
    figures = results if options.quick else ROOT / "docs"
    results.mkdir(parents=True, exist_ok=True)
    numba.set_num_threads(1)
    pyscf.lib.num_threads(1)
    rows = []
    for ion, waters, edge in CLUSTERS[: 1 if options.quick else None]:
        rows.append(measured(ion, waters, edge))
        print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    result = {**machine(), "pyscf": pyscf.__version__, "points": int(np.prod(GRID)), "clusters": rows}
    (results / "dft.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(table, figures / "dft_benchmark.png")


def measured(ion: str, waters: int, edge: int) -> dict:
    """Processor seconds for a million points by each route, and errors in meV, of one hydrate."""
    atoms = without_substrate(hydrate(ion, waters, "NaCl", seed=SEED))
    density, scf = timed(lambda: electron_density(atoms, charge=1))
    axes = grid(atoms)
    fast_potential(density, np.ones((1, 3)))  # compiled before it is timed

    (mep, at), cubegen_time = timed(lambda: by_cubegen(density, edge))
    rng = np.random.default_rng(SEED)
    ends = np.array([[axis[0], axis[-1]] for axis in axes]).T
    above = rng.uniform(*ends, (EXACT, 3))
    exact, exact_time = timed(lambda: exact_potential(density, above))
    _, fast_time = timed(lambda: fast_potential(density, nodes(axes)))

    million = np.prod(GRID)
    seconds = {
        "cubegen": cubegen_time * million / len(at),
        "exact": exact_time * million / EXACT,
        "fast": fast_time,
    }
    error = 1e3 * (fast_potential(density, above[:SAMPLE]) - exact[:SAMPLE])
    few = slice(None, None, max(1, len(at) // SAMPLE))
    return {
        "cluster": f"{ion}+.{waters}H2O",
        "orbitals": density.molecule.nao,
        "cubegen_points": len(at),
        "seconds_scf": scf,
        **{f"seconds_{route}": value for route, value in seconds.items()},
        "times_cubegen": seconds["cubegen"] / seconds["fast"],
        "error_rms_meV": rms(error),
        "error_max_meV": float(np.abs(error).max()),
        **frequency_shift_errors(atoms, density),
        "exact_minus_cubegen_max_meV": float(1e3 * np.abs(exact_potential(density, at[few]) - mep[few]).max()),
    }


def by_cubegen(density: Density, edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Potential (n,), V, at cubegen's own points (n, 3), A, around the molecule."""
    with tempfile.TemporaryDirectory() as folder:
        shape = (edge, edge, edge)
        values = cubegen.mep(density.molecule, f"{folder}/mep.cube", density.matrix, *shape)
    return values.ravel() * HARTREE, cubegen.Cube(density.molecule, *shape).get_coords() * BOHR


def grid(atoms: Atoms) -> list[np.ndarray]:
    """Axes x, y, z of a million points above a structure, A."""
    low, high = atoms.positions.min(0) - BESIDE, atoms.positions.max(0) + BESIDE
    low[2], high[2] = atoms.positions[:, 2].max() + np.array(ABOVE)
    return [np.linspace(*ends) for ends in zip(low, high, GRID, strict=True)]


def nodes(axes: list[np.ndarray]) -> np.ndarray:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def frequency_shift_errors(atoms: Atoms, density: Density) -> dict[str, float]:
    """99th percentile of the error of images, Hz, by tip; the free probe comes from 2.1 A above the highest atom."""
    x, y, top = atoms.positions[atoms.positions[:, 2].argmax()]
    scan = Scan(x + PIXELS, y + PIXELS, top + 4 + LOWEST + 0.5 + np.arange(0, 2.6, 0.1))
    grids = []
    for step, route in ((0.2, fast_potential), (0.18, exact_potential)):
        ends = (
            *((at + PIXELS[0] - 1.6, at + PIXELS[-1] + 1.6) for at in (x, y)),
            (top + LOWEST + 0.2, top + LOWEST + 3.2),
        )
        axes = [np.arange(low, high + step, step) for low, high in ends]
        values = route(density, nodes(axes)).reshape([len(axis) for axis in axes])
        grids.append(xr.DataArray(values, dict(zip("xyz", axes, strict=True)), ("x", "y", "z")))
    errors = {}
    for multipole in ("monopole", "dz2"):
        tip = Tip(charge=-0.05, multipole=multipole)
        fast, exact = (
            simulate(atoms, tip, scan, 0.5, potential=grid, method="reference").frequency_shift.values for grid in grids
        )
        errors[f"frequency_shift_{multipole}_p99_Hz"] = float(np.percentile(np.abs(fast - exact), 99))
    return errors


def timed(function: Callable) -> tuple:
    """A function's result, and the processor seconds that it took."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def draw(table: pd.DataFrame, path: Path) -> None:
    """Seconds by route, and errors of the fast one beside their limits."""
    figure = new_figure(PAGE, 2.8)
    left, right = figure.subplots(1, 2)
    place = np.arange(len(table))
    names = [name.replace("+.", r"$^+\cdot$").replace("H2O", r"H$_2$O") for name in table.cluster]
    for number, (route, label) in enumerate(ROUTES.items()):
        bars = left.bar(place + 0.27 * (number - 1), table[f"seconds_{route}"], 0.25, label=label, color=COLOURS[route])
        left.bar_label(bars, fmt=lambda value: f"{value:.0f}" if value > 100 else f"{value:.1f}", fontsize=5)
    left.set(yscale="log", ylabel="core-seconds for 1.0 M points", xticks=place, xticklabels=names)
    left.set_ylim(top=8 * table.seconds_cubegen.max())
    left.legend(ncols=3, loc="upper left", fontsize=6)
    kinds = {"rms": ("o", "#0072B2"), "max": ("^", "#D55E00")}
    for kind, (marker, colour) in kinds.items():
        right.plot(place, table[f"error_{kind}_meV"], marker, color=colour, label=kind)
        right.axhline(LIMIT[kind], color=colour, linestyle=":", linewidth=0.8)
    right.set(yscale="log", ylabel="error of the fast route (meV)", xticks=place, xticklabels=names)
    right.tick_params(axis="x", labelsize=7)
    right.legend(fontsize=6, loc="center left")
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
