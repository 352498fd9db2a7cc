"""The example experiment: one simulated stack made to look measured, with its true atoms."""

from pathlib import Path

import ase.io
import numpy as np
import xarray as xr
from ase import Atoms

from icescope.afm.instrument import add_drift, add_glitches, add_noise, to_grey
from icescope.afm.measured import write_stack
from icescope.learning.evaluation import true_atoms
from icescope.storage import whole_file
from icescope.structures.samples import in_window, take_samples

NOISE = 0.05  # of the contrast, as in measured stacks
DRIFT = 0.05  # A, root mean square from one layer to the next; measured: up to 0.25 A after alignment
GLITCHES = 0.3  # of the images have one
STRENGTH = 1.0  # of the contrast
IMAGES = 14  # the nearest ones, as many as a measured stack has

README = """# example_stack

Simulated water film made to look measured, so that `icescope predict` can be tried and its result checked.

- Sample {sample} of the AFM stacks of the film {film} (made at commit {commit}), the {images} images
  with the tip at {low:.2f} to {high:.2f} A; seed {seed}.
- Added: white noise of {noise:g} of each image's contrast (standard deviation), lateral drift of {drift:g} A (root
  mean square along x and along y) from one layer to the next, and in {glitches:.0%} of the images, on average, a
  disturbed scan line of up to {strength:g} x the contrast.
- Each image is scaled on its own to 8-bit grey: heights and frequency-shift scale are lost, as in most
  published stacks.
- `cell.txt`: a comment, then width and height in nm. `truth.xyz`: the atoms inside the window (A from the
  lower left corner), with the pose of each hydrogen; the network does not see it, the report scores against it.
"""


def write_example(stacks: xr.Dataset, sample: int, pose_bound: float, seed: int, folder: str | Path) -> None:
    """Write one sample of a store of kind "afm_stacks" as a folder that `read_stack` and `read_truth` read.

    Parameters
    ----------
    pose_bound
        A hydrogen more than this above (below) its oxygen is "up" ("down"), A.
    seed
        Of the noise, the drift and the glitches.
    """
    folder, size = Path(folder), stacks.attrs["window_size"]
    one = take_samples(stacks, sample, sample + 1).sortby("height").isel(height=slice(IMAGES))
    rng = np.random.default_rng(seed)
    images, _ = add_drift(one.frequency_shift.values[0].astype(np.float32), DRIFT, size[0] / one.sizes["x"], rng)
    images = add_glitches(add_noise(images, NOISE, rng), GLITCHES, STRENGTH, rng)
    write_stack(folder, to_grey(images), (size[0], size[1]), "simulated; width and height in nm")
    with whole_file(folder / "truth.xyz") as partial:
        truth = _inside(next(true_atoms(one, pose_bound)), size)
        ase.io.write(partial, truth, format="extxyz", columns=["symbols", "positions", "pose"])
    text = README.format(
        sample=sample,
        film=stacks.attrs["film"],
        commit=stacks.attrs.get("git_commit", "unknown"),
        images=len(images),
        low=float(one.height[0]),
        high=float(one.height[-1]),
        seed=seed,
        noise=NOISE,
        drift=DRIFT,
        glitches=GLITCHES,
        strength=STRENGTH,
    )
    with whole_file(folder / "README.md") as partial:
        partial.write_text(text, encoding="utf-8")


def _inside(atoms: Atoms, size: list[float]) -> Atoms:
    """The atoms whose x and y lie inside the window, with its lattice, and "-" for no pose, as in `structure.xyz`."""
    atoms = atoms[in_window(atoms.positions, size)]
    atoms.set_cell(size)
    pose = [one or "-" for one in atoms.arrays["pose"]]
    atoms.set_array("pose", None)
    atoms.set_array("pose", np.array(pose, dtype="U4"))
    return atoms
