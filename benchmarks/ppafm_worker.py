"""One image stack with ppafm 0.4.1, under the Python that has it: `python ppafm_worker.py FOLDER`.

FOLDER holds `parameters.json` (options of ppafm by their own names, and below what its commands cannot set) and
`atoms.xyz` with the charges in the fifth column; the worker adds `result.npz`. Its calls are those of the commands
ppafm-generate-ljff, ppafm-generate-elff-point-charges, ppafm-relaxed-scan and ppafm-plot-results, without their files.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from ppafm import HighLevel, common, core


def peak_memory() -> float:
    """MiB; not from rusage, which counts the parent's memory at the fork."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


folder = Path(sys.argv[1])
options = json.loads((folder / "parameters.json").read_text())
relaxation = options.pop("relaxation")
parameters = common.PpafmParameters()
parameters.apply_options(options)
if relaxation:
    # Not core.setRelax: in this version it fails on a name that it never defines.
    core.lib.setRelax(relaxation["most_steps"], relaxation["force_tolerance"] ** 2, 0.1, 0.1)

atoms = str(folder / "atoms.xyz")
start_memory = peak_memory()
start = time.process_time()
lennard_jones, _, _, box = HighLevel.computeLJ(atoms, speciesFile=None, parameters=parameters)
# The arrays stay bound to the end: when one is collected, ppafm forgets whichever field it has in use.
electrostatic = None
if parameters.charge:
    electrostatic, *_ = HighLevel.computeELFF_pointCharge(atoms, tip=parameters.tip, parameters=parameters)
field_seconds = time.process_time() - start
force, probe, _, _ = HighLevel.perform_relaxation(box, lennard_jones, FFel=electrostatic, parameters=parameters)
shift = common.Fz2df(
    force,
    dz=parameters.scanStep[2],
    k0=parameters.kCantilever,
    f0=parameters.f0Cantilever,
    amplitude=parameters.Amplitude,
)
core_seconds = time.process_time() - start
np.savez(
    folder / "result.npz",
    force=force,
    probe=probe,
    shift=shift,
    core_seconds=core_seconds,
    field_seconds=field_seconds,
    start_memory=start_memory,
    peak_memory=peak_memory(),
)
