import sys
from itertools import product
from math import ceil
from pathlib import Path

from icescope.amorphous.prepared import check_prepared
from icescope.config import check_config, image_count, random_windows, read_experiments
from icescope.errors import InputError
from icescope.provenance import derive_seed, source_hash

ROOT = Path(workflow.basedir)

try:
    check_config(config, ROOT / "config/schemas/config.schema.yaml")
    check_prepared(config["amorphous"])
    EXPERIMENTS = read_experiments(config["experiments"], ROOT)
except InputError as error:
    sys.exit(str(error))

SHIPPED_WEIGHTS = ROOT / "src/icescope/weights/peaks.safetensors"
RUN = f"results/{config['run']}"
SPLITS = tuple(config["films"]["splits"])


def films_of(split):
    """Name, metal, temperature (K) and coverage (molecules/nm2) of each film of a split."""
    part = config["films"]["splits"][split]
    for coverage, temperature in product(part["coverages"], part["temperatures"]):
        name = f"{part['metal']}_c{coverage:g}_T{temperature:g}"
        yield name, {"metal": part["metal"], "temperature": float(temperature), "coverage": float(coverage)}


FILMS = {name: condition for split in SPLITS for name, condition in films_of(split)}
METAL = config["films"]["splits"]["train"]["metal"]
SHARDS = range(ceil(config["windows"]["per_trajectory"] / config["afm"]["shard_size"]))
ONE_STACK = {key: value for key, value in config["afm"].items() if key != "shard_size"}  # what a stack depends on
HYDRATES = config["hydrates"]["sets"]
NETWORK = config["network"]
LARGEST = max(config["transfer"]["sizes"])
ORIGINS, PROTOCOLS = ("transfer", "scratch"), ("epochs", "steps")


def hydrate_network(origin, size, protocol="epochs"):
    """Name of a network trained on hydrates; at the largest size equal steps are equal epochs, and one network."""
    return f"{origin}_{size}_{'epochs' if size == LARGEST else protocol}"


def derived_networks():
    """By name: what each network trained beside `network` starts from, learns from and for how many epochs."""
    transfer = config["transfer"]
    hydrates = {"validated": "simple_hydrates", "seeds": transfer["seeds"]}
    for origin, size, protocol in product(ORIGINS, transfer["sizes"], PROTOCOLS):
        yield hydrate_network(origin, size, protocol), {
            "pretrained": origin == "transfer",
            "trained": "dft",
            "samples": size,
            "epochs": transfer["epochs"] * (LARGEST / size if protocol == "steps" else 1),
            **hydrates,
        }
    yield "point_charges", {
        "pretrained": True,
        "trained": "charge",
        "samples": LARGEST,
        "epochs": transfer["epochs"],
        **hydrates,
    }
    yield "pt_retrained", {
        "pretrained": True,
        "trained": "pt_train",
        "samples": None,  # all
        "epochs": transfer["pt_epochs"],
        "validated": "validation",
        "seeds": 1,
    }


DERIVED = dict(derived_networks())
HYDRATE_NETWORK = hydrate_network("transfer", LARGEST)
HYDRATE_SETS = {"simple": "simple_hydrates", "complex": "complex_hydrates", "K⁺": "potassium_hydrates"}
SURFACES = {f"{METAL}(111)": "test", f"{config['films']['splits']['pt_test']['metal']}(111)": "pt_test"}
RETRAINING = {
    (surface, stage): (name, scored)
    for surface, scored in SURFACES.items()
    for stage, name in (("before", NETWORK), ("after", "pt_retrained"))
}

MODELS = {"M2": ("LDA", "HDA"), "M3": ("LDA", "MDA", "HDA")}
DESCRIPTORS = {"O": "O", "OH": "O,H", "Hbond": "H-bond"}  # by their names in files
IN_TABLES = ("O", "OH")  # that the paper's tables and the interface have
PARTS = ("random", "trajectory")
LAST = config["amorphous"]["trajectories"] - 1
MAKING = {  # what of the protocol is read to make each of them
    "LDA": ("melt", "cooling_rate"),
    "MDA": ("displacements", "annealing"),
    "HDA": ("compression_rate", "compression_peak"),
}
# For dynamics that begin with what is made already, or in the cells of the interface: `repeats` are not read.
GIVEN_CELL_MD = {key: value for key, value in config["amorphous"]["md"].items() if key != "repeats"}
DYNAMICS = ("compression", "interface", "pressed")
ENDINGS = {"trajectory": "trajectory.xtc", "topology": "topology.pdb", "record": "record.csv"}


wildcard_constraints:
    phase="LDA|MDA|HDA",
    number=r"\d+",
    model="|".join(MODELS),
    descriptors="|".join(DESCRIPTORS),
    parts="|".join(PARTS),
    dynamics="|".join([*DYNAMICS, "joined"]),
    network="|".join(config["networks"]),
    derived="|".join(DERIVED),
    trained="|".join([*config["networks"], *DERIVED]),
    scored="random|test|pt_test|simple_hydrates|complex_hydrates|potassium_hydrates",
    film=r"[A-Z][a-z]?_c[\d.]+_T[\d.]+",
    set="|".join(HYDRATES),
    shard=r"\d+",
    split="|".join(SPLITS),


def code(script):
    """Hash of a script and of the package modules behind it: an edit reruns what depends on it, and nothing else."""
    return source_hash(ROOT / "workflow/scripts" / script)


def trajectory_of(wildcards):
    """Trajectory and topology of a film: those given for it, else those that `film_trajectory` makes."""
    given = Path(config["films"]["trajectories"]) / wildcards.film
    files = {"trajectory": given / "trajectory.xtc", "topology": given / "topology.pdb.gz"}
    if config["films"]["trajectories"] and all(path.is_file() for path in files.values()):
        return {name: str(path) for name, path in files.items()}
    return {name: getattr(rules.film_trajectory.output, name) for name in files}


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


def scored_stacks(scored):
    """Stores of the stacks that networks are scored on: of films, or of hydrates from their DFT potentials.

    "random" are windows of the training films that are not trained on, see `config.random_windows`.
    """
    if scored == "random":
        return [f"{RUN}/afm/{name}/random.zarr.zip" for name, _ in films_of("train")]
    sets = {"simple_hydrates": "validation", "complex_hydrates": "complex", "potassium_hydrates": "potassium"}
    return hydrate_stacks_of(sets[scored]) if scored in sets else stacks_of(scored)


def scored_by(name, *scored):
    """Named inputs for a figure: stacks, predictions and accuracies of a network on some sets."""
    return {
        f"{one}_{what}": scored_stacks(one) if what == "stacks" else f"{RUN}/learning/{name}/{one}_{what}{ending}"
        for one in scored
        for what, ending in (("stacks", ""), ("predictions", ".zarr.zip"), ("accuracy", ".csv"))
    }


def pretrained(derived, ending):
    """Weights that a derived network starts from, or their card; none for one that starts from nothing."""
    return f"{RUN}/learning/{NETWORK}/trained{ending}" if DERIVED[derived]["pretrained"] else []


def training_stacks(derived):
    """Stores that a derived network learns from: windows of a split, or hydrates with one kind of electrostatics."""
    trained = DERIVED[derived]["trained"]
    return stacks_of(trained) if trained in SPLITS else hydrate_stacks_of("train", trained)


def seeds_of(derived):
    """Seeds of the trainings; the same for trainings that are compared."""
    return [derive_seed(config["seed"], "retrain_network", number) for number in range(DERIVED[derived]["seeds"])]


def learning_curve_networks():
    """Name of every network of figure 4, with what tells it apart there."""
    for origin, size, protocol in product(ORIGINS, config["transfer"]["sizes"], PROTOCOLS):
        yield hydrate_network(origin, size, protocol), {"origin": origin, "size": size, "protocol": protocol}
    yield "point_charges", {"origin": "point_charges", "size": LARGEST, "protocol": "epochs"}


def stacks_mb(split):
    """Size in memory of all images of a split, MB, in half precision."""
    samples = len(windows_of(split)) * config["windows"]["per_trajectory"]
    return ceil(samples * image_count(config["afm"]) * config["afm"]["pixels"] ** 2 * 2 / 1e6)


def print_results():
    """Name the files that a person would look at first."""
    wanted = ["figures/*.png", "learning/*/*test_accuracy.csv", "experiments/*/report.*", "reproduction.html"]
    found = sorted(str(file) for pattern in wanted for file in Path(RUN).glob(pattern))
    if found:
        print("Look at:", *found, sep="\n  ")


def dynamics_of(name):
    """Trajectory, topology and record of an ice: those that are prepared, else those that a rule makes.

    "joined" is the interface as it was before its relaxation, which is its topology.
    """
    name = "interface" if name == "joined" else name
    given = Path(config["amorphous"]["prepared"]) / name
    files = {what: given / ending for what, ending in ENDINGS.items()}
    files["topology"] = given / "topology.pdb.gz"
    if config["amorphous"]["prepared"] and all(path.is_file() for path in files.values()):
        return {what: str(path) for what, path in files.items()}
    return {what: f"{RUN}/amorphous/dynamics/{name}/{ending}" for what, ending in ENDINGS.items()}


def protocol_of(phase, *more):
    """What of the protocol is read to make an ice, and more of it."""
    return {key: config["amorphous"]["protocol"][key] for key in (*MAKING[phase], *more)}


def environments_of(phases):
    """Stores of descriptors of some phases, those of one phase together."""
    numbers = range(config["amorphous"]["trajectories"])
    return [f"{RUN}/amorphous/environments/{phase}_{number}.zarr.zip" for phase in phases for number in numbers]


def classifier(model, descriptors, parts, ending=".safetensors"):
    return f"{RUN}/amorphous/classifiers/{model}_{descriptors}_{parts}{ending}"


def phases_of(dynamics, model, descriptors):
    return f"{RUN}/amorphous/phases/{dynamics}/{model}_{descriptors}.zarr.zip"
