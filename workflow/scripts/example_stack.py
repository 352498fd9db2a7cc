"""Make one simulated stack look measured, with its true atoms: the folder of the example experiment."""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from icescope import storage
from icescope.afm.instrument import add_drift, add_glitches, add_noise, to_grey
from icescope.afm.measured import write_stack
from icescope.job import job
from icescope.maps.avdw import poses
from icescope.storage import whole_file

NOISE = 0.05  # of the contrast, as in measured stacks
DRIFT = 0.05  # A from one image to the next; measured: up to 0.25 A over a stack after alignment
GLITCHES = 0.3  # of the images have one
STRENGTH = 1.0  # of the contrast
IMAGES = 14  # the nearest ones, as many as a measured stack has

README = """# example_stack

Simulated water film made to look measured, so that `icescope predict` can be tried and its result checked.

- Sample {sample} of the AFM stacks `{source}` (made at commit {commit}), the {images} images
  with the tip at {low:.2f} to {high:.2f} A; seed {seed}.
- Added: white noise of {noise:g} of each image's contrast (standard deviation), lateral drift of {drift:g} A (root
  mean square along x and along y) from one image to the next, and in {glitches:.0%} of the images, on average, a
  disturbed scan line of up to {strength:g} x the contrast.
- Each image is scaled on its own to 8-bit grey: heights and frequency-shift scale are lost, as in most
  published stacks.
- `cell.txt`: a comment, then width and height in nm. `truth.xyz`: the atoms inside the window (A from the
  lower left corner), with the pose of each hydrogen; the network does not see it, the report scores against it.
"""


def true_atoms(stacks, sample: int, pose_bound: float) -> Atoms:
    """Atoms (A) of one sample inside its window, each hydrogen with its pose."""
    counts = stacks.atom_count.values
    first = int(counts[:sample].sum())
    atoms = stacks.isel(atom=slice(first, first + int(counts[sample])))
    position, number = atoms.position.values.astype(float), atoms.number.values
    pose = poses(position, number, atoms.molecule.values, pose_bound)
    size = np.asarray(stacks.attrs["window_size"], dtype=float)
    inside = ((position[:, :2] >= 0) & (position[:, :2] < size[:2])).all(axis=1)
    truth = Atoms(numbers=number[inside], positions=position[inside], cell=size, pbc=False)
    truth.set_array("pose", np.array([one or "-" for one in pose[inside]], dtype="U4"))
    return truth


with job(snakemake.log[0], "example_stack"):
    params, source, folder = snakemake.params, snakemake.input[0], Path(snakemake.output[0])
    stacks = storage.read(source, kind="afm_stacks").sortby("height").isel(height=slice(IMAGES))
    rng = np.random.default_rng(params.seed)
    images = stacks.frequency_shift.values[params.sample].astype(np.float32)
    images, _ = add_drift(images, DRIFT, stacks.attrs["window_size"][0] / images.shape[2], rng)
    images = add_glitches(add_noise(images, NOISE, rng), GLITCHES, STRENGTH, rng)
    write_stack(folder, to_grey(images), tuple(stacks.attrs["window_size"][:2]), "simulated; width and height in nm")
    truth = true_atoms(stacks, params.sample, snakemake.config["labels"]["pose_bound"])
    with whole_file(folder / "truth.xyz") as partial:
        ase.io.write(partial, truth, format="extxyz", columns=["symbols", "positions", "pose"])
    with whole_file(folder / "README.md") as partial:
        partial.write_text(
            README.format(
                sample=params.sample,
                source=Path(source).name,
                commit=stacks.attrs.get("git_commit", "unknown"),
                images=len(images),
                low=float(stacks.height[0]),
                high=float(stacks.height[-1]),
                seed=params.seed,
                noise=NOISE,
                drift=DRIFT,
                glitches=GLITCHES,
                strength=STRENGTH,
            ),
            encoding="utf-8",
        )
