"""The configuration, checked before anything runs: each fault is one sentence that names the key.

Only the standard library, PyYAML and jsonschema are imported here, because the Snakefile uses this module at
parse time.
"""

import csv
import math
import os
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations, product
from pathlib import Path

import yaml

from icescope.config_faults import Validator, rank, sentence
from icescope.errors import InputError

METALS = Path(__file__).with_name("md") / "force_fields" / "interface_metals.csv"
LEAST_PROBE_HEIGHT = 2.0  # A above the mean oxygen; nearer, the probe is inside the water
LEAST_HOLD = 16  # frames, of which half are looked at: see premelting.layers
LEAST_DISC = 0.6  # pixels; a disc of smaller radius is never found in a map
COLUMNS = ["name", "folder", "description"]  # of the table of experiments
MOST_VALUES, LARGEST = 100_000, 10**100  # of a configuration: aliases of YAML can nest without end


def check_config(config: dict, schema: str | Path) -> None:
    """Check a merged configuration against the schema file and against what a schema cannot say.

    Raises
    ------
    InputError
        One sentence on the most telling fault: an unknown key, a missing key, a wrong type, a value out of
        range, or two values that do not go together.
    """
    _check_extent(config)
    known = _read_schema(Path(schema))
    faults = list(Validator(known).iter_errors(config))
    if faults:
        raise InputError("config: " + sentence(min(faults, key=rank), dict(leaves(known))))
    checks = (_check_paths, _check_splits, _check_batches, _check_times, _check_surface, _check_images)
    for check in (*checks, _check_heights, _check_potentials, _check_transfer, _check_holds):
        if problem := check(config):
            raise InputError(f"config: {problem}")


def read_experiments(table: str | Path, root: str | Path) -> dict[str, str]:
    """Read the table of measured stacks (tab-separated: name, folder, description): the folder of each name.

    The table and the folders count from the current folder; what is not there is looked for under `root`, the checkout.

    Raises
    ------
    InputError
        The table is missing, has other columns, or a row without a usable, unique name or without a folder.
    """
    path = _found_under(table, root)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter="\t") if any(row)]
    except (OSError, ValueError, csv.Error) as error:  # a ValueError of text in another encoding, or a NUL in the name
        raise InputError(f"{table} could not be read as a table of experiments: {error}.") from error
    if not rows or rows[0] != COLUMNS:
        found = ", ".join(rows[0]) if rows else "nothing"
        raise InputError(f"{table} must start with the columns {', '.join(COLUMNS)}, separated by tabs; found {found}.")
    folders: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(COLUMNS):
            raise InputError(f"{table}: row {number} has {len(row)} cells instead of 3; separate them by tabs.")
        name, folder, _ = row
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", name):
            raise InputError(
                f"{table}: row {number} has the name {name!r}; use letters, digits, _ and - only, 100 at most, and no -"
                " at its beginning."
            )
        if name in folders:
            raise InputError(f"{table}: the name {name!r} stands twice; give each row its own.")
        if not folder or not os.path.isdir(_found_under(folder, root)):
            raise InputError(f"{table}: row {number} ({name}) names the folder {folder!r}, which does not exist.")
        folders[name] = _found_under(folder, root)
    return folders


def image_count(afm: dict) -> int:
    """Images in a stack, by the configuration's block `afm`: from the first to the last height in whole steps."""
    first, last = afm["heights"]
    return round((last - first) / afm["height_step"]) + 1


def random_windows(config: dict) -> int:
    """Windows of each training film that are scored and not trained on: all together as many as of the test films."""
    splits = (config["films"]["splits"][name] for name in ("train", "test"))
    train, test = (len(split["temperatures"]) * len(split["coverages"]) for split in splits)
    return math.ceil(test * config["windows"]["per_trajectory"] / train)


def leaves(schema: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Yield the dotted path and the schema of every key that holds a value rather than more keys."""
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if "properties" in child:
            yield from leaves(child, below)
        else:
            yield below, child


@cache
def _read_schema(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _check_extent(config: object) -> None:
    """Refuse what cannot even be written into a sentence."""
    waiting, count = [config], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > MOST_VALUES or (isinstance(value, int) and abs(value) > LARGEST):
            raise InputError("config: it holds a number of over 100 digits, or more than 100,000 values; shorten it.")
        if isinstance(value, dict | list):
            waiting.extend(value.values() if isinstance(value, dict) else value)


def _found_under(path: str | Path, root: str | Path) -> str:
    there = os.path.join(root, path)  # os.path takes what cannot be a path for one that does not exist
    return str(path) if os.path.exists(path) or not os.path.exists(there) else there


# --- what a schema cannot say: each check returns a sentence, or None ---------------------------------------


def _check_paths(config: dict) -> str | None:
    for key, folder in (
        ("films.trajectories", config["films"]["trajectories"]),
        ("amorphous.prepared", config["amorphous"]["prepared"]),
    ):
        try:
            Path(folder, "trajectory.xtc").exists()
        except OSError as error:
            return f"{key} is {folder!r}, which cannot be looked into ({error.strerror}); give another folder."
    if weights := config["training"]["initial"]:
        if not os.path.isfile(weights):
            return f"training.initial is {weights!r}, which is no file; give weights that are there, or '' for none."
        if not os.path.isfile(card := os.path.splitext(weights)[0] + ".json"):
            return f"training.initial is {weights!r}, without its card {card}; put the card beside the weights."
    return None


def _check_splits(config: dict) -> str | None:
    films = {
        split: set(product([part["metal"]], part["temperatures"], part["coverages"]))
        for split, part in config["films"]["splits"].items()
    }
    for (first, here), (second, there) in combinations(films.items(), 2):
        if shared := sorted(here & there):
            metal, temperature, coverage = shared[0]
            return (
                f"the film on {metal} at {temperature} K and {coverage} molecules/nm2 is in both films.splits.{first} "
                f"and films.splits.{second}; a film may be in one split only, or its windows leak."
            )
    return None


def _check_batches(config: dict) -> str | None:
    train, batch = config["films"]["splits"]["train"], config["training"]["batch_size"]
    films = len(train["temperatures"]) * len(train["coverages"])
    windows = films * config["windows"]["per_trajectory"]
    if windows < batch:
        return (
            f"training.batch_size is {batch}, but it must be at most {windows}, the training windows there are: "
            f"{films} films in films.splits.train by windows.per_trajectory ({config['windows']['per_trajectory']})."
        )
    processes = config["training"]["devices"] * config["training"]["nodes"]
    if batch % processes:
        return (
            f"training.batch_size is {batch}, but it must be a multiple of {processes}, the processes that share it: "
            "training.devices by training.nodes."
        )
    return None


def _check_times(config: dict) -> str | None:
    films, ices = ("md", config["md"]), ("amorphous.md", config["amorphous"]["md"])
    slabs = ("premelting.md", config["premelting"]["md"])
    for (block, md), longer, shorter, unit, least in (
        (films, "frame_interval", "timestep", 1e-3, 1),
        (films, "checkpoint_interval", "frame_interval", 1.0, 1),
        (films, "melt", "frame_interval", 1.0, 0),
        (films, "equilibration", "frame_interval", 1.0, 0),
        (films, "production", "checkpoint_interval", 1.0, 1),
        (ices, "frame_interval", "timestep", 1e-3, 1),
        (ices, "checkpoint_interval", "frame_interval", 1.0, 1),
        (slabs, "frame_interval", "timestep", 1e-3, 1),
        (slabs, "checkpoint_interval", "frame_interval", 1.0, 1),
    ):
        ratio = md[longer] / (md[shorter] * unit)
        if round(ratio) < least or not math.isclose(ratio, round(ratio), rel_tol=1e-6, abs_tol=1e-9):
            short = f"{block}.{shorter} ({md[shorter]:g} {'fs' if shorter == 'timestep' else 'ps'})"
            return f"{block}.{longer} is {md[longer]:g} ps, but it must be a whole multiple of {short}."
    return None


def _check_surface(config: dict) -> str | None:
    films, md, windows = config["films"], config["md"], config["windows"]
    step = min(_lattice_constants()[part["metal"]] for part in films["splits"].values()) / math.sqrt(2)
    edges = {"x": films["repeats"][0] * step, "y": films["repeats"][1] * step * math.sqrt(3)}
    for number, (axis, edge) in enumerate(edges.items()):
        if windows["size"][number] > edge:
            return (
                f"windows.size is {windows['size'][number]:g} A along {axis}, but the surface is only {edge:.1f} A "
                "long there; raise films.repeats or lower windows.size."
            )
        if 2 * md["cutoff"] > edge:
            return (
                f"md.cutoff is {md['cutoff']:g} A, but it must be at most {edge / 2:.1f} A, half of the surface "
                f"along {axis}; raise films.repeats or lower md.cutoff."
            )
    if films["vapour"] < md["cutoff"]:
        return f"films.vapour is {films['vapour']:g} A, but it must be at least md.cutoff ({md['cutoff']:g} A)."
    return None


def _check_holds(config: dict) -> str | None:
    settings = config["premelting"]
    hold, interval = settings["hold"], settings["md"]["frame_interval"]
    if hold < LEAST_HOLD * interval * (1 - 1e-9):
        return (
            f"premelting.hold is {hold:g} ps, but it must be at least {LEAST_HOLD * interval:g} ps, {LEAST_HOLD} times "
            f"premelting.md.frame_interval ({interval:g} ps)."
        )
    return None


@cache
def _lattice_constants() -> dict[str, float]:
    """Lattice constant, A, of each metal in the table of force fields."""
    with open(METALS, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["species"]: float(row["lattice"]) for row in rows if row["lattice"]}


def _check_images(config: dict) -> str | None:
    pixels, size = config["afm"]["pixels"], config["windows"]["size"]
    augmentation = config["training"]["augmentation"]
    if size[0] != size[1]:
        return f"windows.size is {size[0]:g} A by {size[1]:g} A, but images are square: make the two equal."
    least = LEAST_DISC * size[0] / pixels
    for species, radius in config["labels"]["disc_radius"].items():
        if radius < least:
            return (
                f"labels.disc_radius.{species} is {radius:g} A, but it must be at least {least:.2f} A, {LEAST_DISC:g} "
                "pixels of windows.size / afm.pixels: smaller discs are never found; raise it, or afm.pixels."
            )
    for name, network in config["networks"].items():
        levels = len(network["channels"])
        if network["architecture"] == "unet3d" and (levels, network["stride"], network["fine_blocks"]) != (5, 1, 0):
            return (
                f"networks.{name} is of architecture unet3d, which has 5 levels (channels), a stride of 1 and 0 "
                f"fine_blocks, not {levels}, {network['stride']} and {network['fine_blocks']}; set these, or "
                "architecture to unet2d."
            )
        factor = network["stride"] * 2 ** (levels - 1)
        if pixels % factor:
            return (
                f"afm.pixels is {pixels}, but it must be a multiple of {factor}, because networks.{name} has "
                f"{levels} levels and each but the last halves the image."
            )
    if 2 * augmentation["shift"] >= pixels:
        return (
            f"training.augmentation.shift is {augmentation['shift']} pixels, but it must be below half of "
            f"afm.pixels ({pixels})."
        )
    if augmentation["cutout"] >= pixels**2:
        return (
            f"training.augmentation.cutout is {augmentation['cutout']} pixels, but it must be below the "
            f"{pixels**2} pixels of an image."
        )
    return None


def _check_heights(config: dict) -> str | None:
    afm = config["afm"]
    low, high = afm["heights"]
    if low >= high:
        return f"afm.heights must ascend, but {low:g} A comes before {high:g} A."
    steps = (high - low) / afm["height_step"]
    if not math.isclose(steps, round(steps), abs_tol=1e-6):
        return (
            f"afm.heights span {high - low:g} A, but the span must be a whole multiple of afm.height_step "
            f"({afm['height_step']:g} A)."
        )
    for name, network in config["networks"].items():
        if image_count(afm) < network["heights"]:
            return (
                f"networks.{name}.heights is {network['heights']}, but afm.heights and afm.height_step give only "
                f"{image_count(afm)} images."
            )
    for name, (least, most) in config["training"]["tips"].items():
        if least > most:
            return f"training.tips.{name} must ascend, but {least:g} comes before {most:g}."
    probe = low + afm["height_offset"] - afm["tip"]["length"] - afm["amplitude"]
    if config["training"]["images"] == "simulated":
        probe += min(0.0, config["training"]["tips"]["height"][0])
    if probe < LEAST_PROBE_HEIGHT:
        return (
            f"the lowest of afm.heights plus afm.height_offset (and the lowest of training.tips.height, where images "
            f"are simulated in training) minus afm.tip.length and afm.amplitude puts the probe "
            f"{probe:.1f} A above the {afm['height_origin'].replace('_', ' ')} at the lowest point of its oscillation, "
            f"but it must be at least {LEAST_PROBE_HEIGHT:g} A."
        )
    return None


def _check_potentials(config: dict) -> str | None:
    afm, (low, high) = config["afm"], config["dft"]["heights"]
    if low >= high:
        return f"dft.heights must ascend, but {low:g} A comes before {high:g} A."
    if afm["height_origin"] == "mean_oxygen":  # from another origin it depends on the structures
        free = afm["height_offset"] - afm["tip"]["length"]
        lowest = afm["heights"][0] + free - afm["amplitude"]
        highest = afm["heights"][1] + free + afm["amplitude"]
        if low > lowest + 1e-6 or high < highest - 1e-6:
            return (
                f"dft.heights are {low:g} to {high:g} A, but they must hold the probe, which goes from {lowest:.1f} to "
                f"{highest:.1f} A by afm.heights, afm.height_offset, afm.tip.length and afm.amplitude."
            )
    return None


def _check_transfer(config: dict) -> str | None:
    largest, count = max(config["transfer"]["sizes"]), config["hydrates"]["sets"]["train"]["count"]
    if largest > count:
        return f"transfer.sizes go to {largest}, but there are only hydrates.sets.train.count ({count}) hydrates."
    return None
