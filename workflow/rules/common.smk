import sys
from itertools import product
from math import ceil
from pathlib import Path

from icescope.config import check_config, image_count, read_experiments
from icescope.errors import InputError
from icescope.provenance import derive_seed, source_hash

ROOT = Path(workflow.basedir)

try:
    check_config(config, ROOT / "config/schemas/config.schema.yaml")
    EXPERIMENTS = read_experiments(config["experiments"], ROOT)
except InputError as error:
    sys.exit(str(error))

RUN = f"results/{config['run']}"
SPLITS = tuple(config["films"]["splits"])


def films_of(split):
    """Name, temperature (K) and coverage (molecules/nm2) of each film of a split."""
    part = config["films"]["splits"][split]
    for coverage, temperature in product(part["coverages"], part["temperatures"]):
        name = f"{config['films']['metal']}_c{coverage:g}_T{temperature:g}"
        yield name, {"temperature": float(temperature), "coverage": float(coverage)}


FILMS = {name: condition for split in SPLITS for name, condition in films_of(split)}
SHARDS = range(ceil(config["windows"]["per_trajectory"] / config["afm"]["shard_size"]))
HYDRATES = config["hydrates"]["sets"]
NETWORK = config["network"]


wildcard_constraints:
    network="|".join(config["networks"]),
    film=r"[A-Z][a-z]?_c[\d.]+_T[\d.]+",
    set="|".join(HYDRATES),
    shard=r"\d+",
    split="|".join(SPLITS),


def code(script):
    """Hash of a script and of the package modules behind it: an edit reruns what depends on it, and nothing else."""
    return source_hash(ROOT / "workflow/scripts" / script)


def windows_of(split):
    return [f"{RUN}/films/{name}/windows.zarr.zip" for name, _ in films_of(split)]


def stacks_of(split):
    return [f"{RUN}/afm/{name}/{shard}.zarr.zip" for name, _ in films_of(split) for shard in SHARDS]


def numbers_of(set, shard):
    """Numbers of the hydrates in a shard of a set; the last shard may be shorter."""
    size = config["hydrates"]["shard_size"]
    return range(shard * size, min((shard + 1) * size, HYDRATES[set]["count"]))


def hydrate_stacks_of(set, electrostatics="dft"):
    """Stores of a set's stacks from its DFT potentials ("dft") or from its point charges ("charge")."""
    shards = range(ceil(HYDRATES[set]["count"] / config["hydrates"]["shard_size"]))
    return [f"{RUN}/hydrates/{set}/{electrostatics}_stacks/{shard}.zarr.zip" for shard in shards]


def stacks_mb(split):
    """Size in memory of all images of a split, MB, in half precision."""
    samples = len(windows_of(split)) * config["windows"]["per_trajectory"]
    return ceil(samples * image_count(config["afm"]) * config["afm"]["pixels"] ** 2 * 2 / 1e6)


def print_results():
    """Name the files that a person would look at first."""
    wanted = ["figures/*.png", "learning/*/*_accuracy.csv", "experiments/*/report.*", "reproduction.html"]
    found = sorted(str(file) for pattern in wanted for file in Path(RUN).glob(pattern))
    if found:
        print("Look at:", *found, sep="\n  ")
