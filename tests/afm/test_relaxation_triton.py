"""The GPU's kernel, run by Triton's interpreter where there is no GPU."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr
from ase import Atoms

from icescope.afm import Scan, Tip, simulate
from icescope.errors import InputError

SCRIPT = """
import json, sys
from test_relaxation_triton import results
json.dump({case: [part.tolist() for part in parts] for case, parts in results("triton").items()}, sys.stdout)
"""


def results(method):
    """Force, probe positions and convergence of a batch with charges, and of one structure with a potential."""
    # Molecules of different sizes, more columns than a block, a column above an atom and one beside all.
    water = Atoms("OHH", [[0, 0, 0], [0.8, 0.5, 0.1], [-0.6, 0.7, 0.3]], charges=[-0.8476, 0.4238, 0.4238])
    sodium = Atoms("Na", [[0.5, 0.2, -0.3]], charges=[1.0])
    scan = Scan(np.linspace(-2.0, 3.0, 13), np.linspace(-1.0, 1.5, 6), np.array([6.7, 7.0, 7.4]))
    axes = {"x": np.arange(-4, 4.5, 0.5), "y": np.arange(-3, 3.5, 0.5), "z": np.arange(1.5, 5, 0.5)}
    x, y, z = np.meshgrid(*axes.values(), indexing="ij")
    potential = xr.DataArray(2.0 / np.sqrt(x**2 + y**2 + (z + 1) ** 2), axes, attrs={"units": "V"})
    cases = {}
    for multipole in ("monopole", "dz2"):
        tip = Tip(multipole=multipole, charge=-0.1, tilt=(0.1, 0.2))
        for name, structures, potentials in (("batch", [water, sodium], None), ("grid", [sodium], [potential])):
            if multipole == "dz2" and name == "grid":
                continue  # the kernel sees the energy, whatever it comes from
            result = simulate(structures, tip, scan, 0.3, details=True, potential=potentials, method=method)
            cases[f"{multipole}_{name}"] = [result[part].values for part in ("force", "probe_position", "converged")]
    return cases


@pytest.fixture(scope="module")
def kernel():
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        return results("triton")
    # The interpreter is chosen when Triton is imported, which other tests may have done.
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.path.dirname(__file__)}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return {case: [np.array(part) for part in parts] for case, parts in json.loads(run.stdout).items()}


@pytest.mark.parametrize("case", ["monopole_batch", "dz2_batch", "monopole_grid"])
def test_kernel_agrees_with_the_reference(kernel, case):
    force, probe, converged = kernel[case]
    exact_force, exact_probe, _ = results("reference")[case]
    assert converged.all()
    # The last Newton step is below 3e-3 A; 1e-5 eV/A is some 1e-3 Hz.
    np.testing.assert_allclose(force, exact_force, atol=1e-5)
    np.testing.assert_allclose(probe, exact_probe, atol=1e-4)


def test_kernel_without_a_gpu_is_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match="needs a GPU"):
        simulate(Atoms("O"), Tip(), Scan([0.0], [0.0], [6.0, 7.0]), 0.5, method="triton")
