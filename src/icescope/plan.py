"""What a run of the whole workflow would cost: its jobs as Snakemake plans them, times measured unit costs.

What a job has to do is counted from its own params and the configuration, in units such as an atom for a picosecond;
unit_costs.csv says what a unit costs and where that was measured. What has not been measured is not guessed.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from pyscf import gto
from snakemake.api import SnakemakeApi
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings
from torch.utils.flop_counter import FlopCounterMode

from icescope.afm.stacks import window_scan
from icescope.amorphous import ices, sandwiches
from icescope.config import image_count
from icescope.dft.batch import slab_axes
from icescope.errors import InputError
from icescope.learning.networks import build_network
from icescope.learning.robustness import EFFECTS
from icescope.learning.transfer import steps_of
from icescope.md.film_run import film_stages
from icescope.md.stage import Stage
from icescope.structures.slab import metal_slab

CHECKOUT = ("Snakefile", "config/config.yaml")  # files by which the folder of the workflow is known
OWN = ("results", ".snakemake")  # what a run leaves there
CORES = 1024  # more than any rule asks for, so that no job's threads are cut to those of this machine
MOLECULES = 16  # in a cell of ice Ih
COLUMNS = {"core_seconds": "core_hours", "gpu_seconds": "gpu_hours", "megabytes": "storage_GB"}
SIZES = {"core_seconds": 3600, "gpu_seconds": 3600, "megabytes": 1000}


@dataclass(frozen=True)
class PlannedJob:
    """One job: its rule, its cores (threads of all its MPI ranks) and GPUs, and what it has to do, amounts by unit."""

    rule: str
    cores: int
    gpus: int
    work: dict[str, float]


def find_checkout() -> Path:
    """The folder of the workflow: the current one, or the nearest above it.

    Raises
    ------
    InputError
        None of them holds the workflow.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if all((folder / name).is_file() for name in CHECKOUT):
            return folder
    raise InputError(f"neither {here} nor a folder above it holds the workflow; go to the checkout of icescope.")


def planned_jobs(checkout: Path, overlays: Sequence[Path] = (), profile: Path | None = None) -> list[PlannedJob]:
    """All jobs of the target `all` where nothing has been made yet, by a dry run of Snakemake.

    Parameters
    ----------
    checkout
        Folder of the Snakefile.
    overlays
        Configurations over config/config.yaml, the last one wins.
    profile
        Folder of a profile of Snakemake, whose threads and MPI ranks (`tasks`) replace those of the rules.

    Raises
    ------
    InputError
        A file that is not there or not YAML, or a configuration that the workflow refuses.
    """
    for path in overlays:
        if not path.is_file():
            raise InputError(f"there is no configuration {path}; give a file such as config/paper.yaml.")
    try:
        resources = ResourceSettings(cores=CORES, **_processors(profile)) if profile else ResourceSettings(cores=CORES)
        with TemporaryDirectory() as empty, SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            for entry in checkout.iterdir():
                if entry.name not in OWN:
                    Path(empty, entry.name).symlink_to(entry.absolute())
            workflow = api.workflow(
                resources,
                ConfigSettings(configfiles=[path.resolve() for path in overlays]),
                snakefile=checkout / "Snakefile",
                workdir=Path(empty),
            )
            workflow.dag().execute_workflow("dryrun")
            planned = workflow._workflow  # the public interface only prints the jobs
            return [_planned(job, planned.config) for job in planned.dag.jobs if not job.rule.norun]
    except SystemExit as error:  # the sentence that the Snakefile ends with
        raise InputError(str(error)) from None
    except WorkflowError as error:
        given = ", ".join(map(str, [*overlays, *([profile] if profile else [])])) or "the workflow"
        raise InputError(f"Snakemake cannot plan {given}: {' '.join(str(error).split())}") from error


def unit_costs() -> pd.DataFrame:
    """The table of unit costs by rule and unit: core_seconds, cores, gpu_seconds, megabytes, source.

    `cores` is "one" where a job does that part of its work on one core, however many it gets. An empty cell costs
    nothing, but gpu_seconds are empty where no GPU was measured.
    """
    table = pd.read_csv(str(files("icescope") / "unit_costs.csv"), comment="#")
    table["rule"] = table.pop("rules").str.split()
    return table.explode("rule").set_index(["rule", "unit"])


def job_costs(jobs: Sequence[PlannedJob], costs: pd.DataFrame) -> pd.DataFrame:
    """What each job costs: rule, core_hours, gpu_hours, storage_GB, hours; not a number where that is not measured.

    Core-hours, and the hours on the job's cores, are those without a GPU; n cores count as n times as fast as one.
    """
    parts = pd.DataFrame(
        [
            (number, job.rule, job.cores, job.gpus, *part)
            for number, job in enumerate(jobs)
            for part in job.work.items()
        ],
        columns=["job", "rule", "all_cores", "gpus", "unit", "amount"],
    ).join(costs, on=["rule", "unit"])
    known = parts.source.notna()  # a unit without a row costs nobody knows what
    for name in ("core_seconds", "megabytes"):
        parts.loc[known, name] = parts.loc[known, name].fillna(0.0)
    parts.loc[parts.gpus == 0, "gpu_seconds"] = 0.0
    for name, column in COLUMNS.items():
        parts[column] = parts.amount * parts[name] / SIZES[name]
    parts["hours"] = parts.core_hours / parts.all_cores.mask(parts.cores == "one", 1)
    of_job, columns = parts.groupby(["job", "rule"]), [*COLUMNS.values(), "hours"]
    missing = parts[columns].isna().groupby([parts.job, parts.rule]).any()
    return of_job[columns].sum().mask(missing).reset_index("rule")


def plan_table(costs: pd.DataFrame) -> pd.DataFrame:
    """One row a rule, the costliest first: jobs, core_hours, gpu_hours, longest_h, typical_h (median), storage_GB."""
    by_rule = costs.groupby("rule")
    table = by_rule[list(COLUMNS.values())].sum()
    table.insert(0, "jobs", by_rule.size())
    table.insert(3, "longest_h", by_rule.hours.max())
    table.insert(4, "typical_h", by_rule.hours.median())
    missing = costs.set_index("rule").isna().groupby("rule").any()  # one job is enough
    for column in table.columns[1:]:
        table[column] = table[column].mask(missing[column if column in COLUMNS.values() else "hours"])
    return table.sort_values("core_hours", ascending=False)


def plan_text(table: pd.DataFrame) -> str:
    """The table with a row of totals, and below it what is not in them."""
    total = table.replace(0, math.nan).sum(min_count=1).rename("total")  # of what is not measured beside zeros, nothing
    total[["longest_h", "typical_h"]] = table.longest_h.max(), math.nan
    shown = pd.concat([table, total.to_frame().T])
    text = pd.DataFrame({name: shown[name].map(_shown) for name in shown})
    text["jobs"] = shown.jobs.map("{:.0f}".format)
    text.loc["total", "typical_h"] = ""
    lines = [text.rename(columns=lambda name: name.replace("_", " ")).to_string()]
    for column, name in (("core_hours", "core-hours and storage"), ("gpu_hours", "GPU-hours")):
        if missing := ", ".join(table.index[table[column].isna()]):
            lines.append(f"Not in the totals, because not measured yet, are the {name} of: {missing}.")
    lines.append(
        "Hours are those of CPUs alone, a job's on the cores that it gets, as if n cores were n times as fast as one;"
        " what a unit of work costs, and where that was measured, is in icescope/unit_costs.csv."
    )
    return "\n".join(lines)


def _shown(value: float) -> str:
    """A number to two digits, nothing for 0."""
    if math.isnan(value):
        return "not measured"
    if value == 0:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _processors(profile: Path) -> dict:
    """Threads and MPI ranks of rules in a profile, as arguments of `ResourceSettings`."""
    file = profile / "config.yaml"
    if not file.is_file():
        raise InputError(f"there is no profile {file}; give a folder such as profiles/slurm.")
    settings = load_configfile(str(file))
    ranks = {
        rule: {"tasks": resources["tasks"]}
        for rule, resources in settings.get("set-resources", {}).items()
        if "tasks" in resources
    }
    return {"overwrite_threads": settings.get("set-threads", {}), "overwrite_resources": ranks}


def _planned(job, config: dict) -> PlannedJob:
    # Of all other rules, figures and tables, a job is little more than its start.
    work = WORK[job.rule.name](job, config) if job.rule.name in WORK else {"job": 1}
    resources = job.resources
    return PlannedJob(job.rule.name, job.threads * resources.get("tasks", 1), resources.get("gpu", 0), work)


# --- what a job has to do: amounts by unit, of a job of Snakemake and the configuration -------------------------


def _film_trajectory(job, config: dict) -> dict[str, float]:
    films, md = job.params.films, job.params.md
    slab = metal_slab(films["metal"], films["repeats"], films["layers"])
    width, depth, _ = slab.cell.lengths()
    atoms = len(slab) + 3 * round(job.params.coverage * width * depth / 100)
    stages = film_stages(md, job.params.temperature)
    return {f"atom-ps by {md['engine']}": atoms * _duration(stages), "atom-frame": atoms * _frames(stages, md)}


def _film_windows(job, config: dict) -> dict[str, float]:
    return {"window": config["windows"]["per_trajectory"]}


def _afm_stacks(job, config: dict) -> dict[str, float]:
    return _stacks(len(_shard(job, config["windows"]["per_trajectory"], config["afm"])), config)


def _hydrates(job, config: dict) -> dict[str, float]:
    count = len(_shard_of_hydrates(job, config))
    return {"job": 1, "hydrate": count, "hydrate-ps": count * config["hydrates"]["anneal"]}


def _hydrate_potentials(job, config: dict) -> dict[str, float]:
    members, numbers = config["hydrates"]["sets"][job.wildcards.set], _shard_of_hydrates(job, config)
    waters = [members["waters"][number % len(members["waters"])] for number in numbers]
    orbitals = np.array([_orbitals((members["ion"], *n * "OHH"), config["dft"]["basis"]) for n in waters])
    nodes = math.prod(len(axis) for axis in slab_axes(config["windows"]["size"], config["dft"]))
    return {"job": 1, "orbital^2.5": (orbitals**2.5).sum(), "million nodes": len(numbers) * nodes / 1e6}


def _hydrate_stacks(job, config: dict) -> dict[str, float]:
    return _stacks(2 * len(_shard_of_hydrates(job, config)), config)  # by DFT and by point charges


def _train_network(job, config: dict) -> dict[str, float]:
    return _training(job.params.network, config["training"]["epochs"] * _samples(job.input.train, config), config)


def _retrain_network(job, config: dict) -> dict[str, float]:
    params, seeds, batch = job.params, len(job.params.seeds), config["training"]["batch_size"]
    steps = steps_of(params.epochs, params.samples or _samples(job.input.train, config), batch)
    scored = _maps(params.network, seeds * _samples(job.input.validation, config), config)
    return scored | _training(params.network, seeds * batch * steps, config)


def _score_network(job, config: dict) -> dict[str, float]:
    name = job.wildcards.get("network", job.wildcards.get("trained"))
    network = config["networks"].get(name, config["networks"][config["network"]])  # or one that is trained again
    return _maps(network, _samples(job.input, config), config)


def _find_atoms(job, config: dict) -> dict[str, float]:
    maps = _maps(config["networks"][config["network"]], _samples(job.input, config), config)
    return {unit: amount for unit, amount in maps.items() if unit != "map GFLOP"}  # they have been predicted


def _afm_robustness(job, config: dict) -> dict[str, float]:
    windows = min(job.params.windows, _samples(job.input, config))
    strengths = 1 + sum(len(effect.strengths) for effect in EFFECTS.values())
    return _maps(config["networks"][config["network"]], windows * strengths, config)


def _amorphous_ice(job, config: dict) -> dict[str, float]:
    phase, ice = job.wildcards.phase, config["amorphous"]
    return _made_ice(phase, ice["md"]["repeats"], _ice_stages(phase, ice), ice)


def _interface_half(job, config: dict) -> dict[str, float]:
    phase, ice = job.wildcards.phase, config["amorphous"]
    interface = ice["interface"]
    settled = sandwiches.settle(interface["pressure"], interface["settle"])
    return _made_ice(phase, interface["repeats"][phase], settled, ice)


def _other_dynamics(job, config: dict) -> dict[str, float]:
    dynamics, ice = RUNS[job.rule.name], config["amorphous"]
    return _ice_dynamics(_molecules(dynamics, ice), [], _ice_stages(dynamics, ice), ice["md"])


def _environments(job, config: dict) -> dict[str, float]:
    phase, ice = job.wildcards.phase, config["amorphous"]
    described = _molecules(phase, ice) * _frames(_ice_stages(phase, ice), ice["md"])
    return {"job": 1, "molecule-frame": described, "environment": job.params.molecules}


def _phase_classifier(job, config: dict) -> dict[str, float]:
    settings = job.params.settings
    trainings = settings["seeds"] + 1  # and one with phases shuffled
    return {"job": 1, "training environment": trainings * len(job.input) * settings["molecules"]}


def _phase_probabilities(job, config: dict) -> dict[str, float]:
    dynamics, ice = job.wildcards.dynamics, config["amorphous"]
    frames = 1 if dynamics == "joined" else _frames(_ice_stages(dynamics, ice), ice["md"])
    return {"job": 1, f"molecule-frame by {job.wildcards.descriptors}": frames * _molecules(dynamics, ice)}


def _amorphous_fig4(job, config: dict) -> dict[str, float]:
    ice = config["amorphous"]
    return {"molecule-frame": _frames(_ice_stages("compression", ice), ice["md"]) * _molecules("compression", ice)}


def _amorphous_table2(job, config: dict) -> dict[str, float]:
    return {"job": 1, "molecule": job.params.molecules * len(job.input.weights)}


RUNS = {"ice_compression": "compression", "interface_relaxation": "interface", "interface_compression": "pressed"}
WORK: dict[str, Callable[..., dict[str, float]]] = {
    "film_trajectory": _film_trajectory,
    "film_windows": _film_windows,
    "afm_stacks": _afm_stacks,
    "hydrates": _hydrates,
    "hydrate_potentials": _hydrate_potentials,
    "hydrate_stacks": _hydrate_stacks,
    "train_network": _train_network,
    "retrain_network": _retrain_network,
    "validate_network": _score_network,
    "evaluate_network": _score_network,
    "afm_confidence": _find_atoms,
    "afm_around_above": _find_atoms,
    "afm_robustness": _afm_robustness,
    "amorphous_ice": _amorphous_ice,
    "interface_half": _interface_half,
    **dict.fromkeys(RUNS, _other_dynamics),
    "environments": _environments,
    "phase_classifier": _phase_classifier,
    "phase_probabilities": _phase_probabilities,
    "amorphous_fig4": _amorphous_fig4,
    "amorphous_table2": _amorphous_table2,
}


def _stacks(count: int, config: dict) -> dict[str, float]:
    """Points at which the probe relaxes, and pixels of the images, of so many stacks."""
    afm = config["afm"]
    scan = window_scan(config["windows"]["size"], afm)
    pixels = count * len(scan.x) * len(scan.y) / 1e6
    return {"job": 1, "million points": pixels * len(scan.tip_height), "million pixels": pixels * image_count(afm)}


def _training(network: dict, samples: int, config: dict) -> dict[str, float]:
    gflop, parameters = _arithmetic(json.dumps([network, config["labels"]]), config["afm"]["pixels"])
    return {"job": 1, "training GFLOP": samples * gflop, "million parameters": parameters / 1e6}


def _maps(network: dict, count: int, config: dict) -> dict[str, float]:
    """Maps that are predicted, and their pixels, in which atoms are found."""
    pixels = config["afm"]["pixels"]
    gflop, _ = _arithmetic(json.dumps([network, config["labels"]]), pixels)
    return {"job": 1, "map GFLOP": count * gflop, f"million pixels of {network['output']}": count * pixels**2 / 1e6}


@cache
def _arithmetic(network_and_labels: str, pixels: int) -> tuple[float, int]:
    """Floating-point operations of one map, in 10^9, and parameters of a network."""
    network, labels = json.loads(network_and_labels)
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        built = build_network(network, labels)
        built(torch.zeros(1, network["heights"], pixels, pixels))
    return counter.get_total_flops() / 1e9, sum(one.numel() for one in built.parameters())


@cache
def _orbitals(symbols: tuple[str, ...], basis: str) -> int:
    """Number of basis functions of some atoms."""
    return sum(gto.M(atom=[(symbol, (0, 0, 0))], basis=basis, spin=None, verbose=0).nao for symbol in symbols)


def _made_ice(phase: str, repeats: list[int], stages: list[Stage], ice: dict) -> dict[str, float]:
    molecules = MOLECULES * math.prod(repeats)
    making = ices._making(phase, ice["protocol"], stages[0].pressure[0])
    work = _ice_dynamics(molecules, making, stages, ice["md"])
    if phase == "MDA":
        work[f"molecule-displacement by {ice['md']['engine']}"] = molecules * ice["protocol"]["displacements"]
    return work


def _ice_dynamics(molecules: int, making: list[Stage], stages: list[Stage], md: dict) -> dict[str, float]:
    """Dynamics by the engine that `ices.run_ice` takes, without frames while the ice is made."""
    changes = any(stage.pressure_rate or stage.coupling != "isotropic" for stage in making + stages)
    engine = md["compression_engine"] if changes else md["engine"]
    work = {f"molecule-ps by {engine}": molecules * _duration(making + stages)}
    return work | {"molecule-frame": molecules * _frames(stages, md)}


def _ice_stages(dynamics: str, ice: dict) -> list[Stage]:
    """Stages of an ice, once made, or of the dynamics "compression", "interface" or "pressed"."""
    protocol, interface = ice["protocol"], ice["interface"]
    settle, sampling = protocol["settle"], protocol["sampling"]
    if dynamics == "compression":
        return ices.compression_stages(**ice["compression"], settle=settle)
    if dynamics == "interface":
        return sandwiches.relaxation_stages(interface["relaxation"], sampling)
    if dynamics == "pressed":
        return sandwiches.press_stages(interface["pressures"], interface["rate"], settle, sampling)
    return ices.state_points(**ice["states"][dynamics], settle=settle, sampling=sampling)


def _molecules(dynamics: str, ice: dict) -> int:
    """Of the interface before those that overlap are taken out."""
    if dynamics in ("interface", "joined", "pressed"):
        copies, repeats = ice["interface"]["copies"], ice["interface"]["repeats"]
        return sum(MOLECULES * copies[phase] * math.prod(repeats[phase]) for phase in repeats)
    return MOLECULES * math.prod(ice["md"]["repeats"])


def _duration(stages: list[Stage]) -> float:
    return sum(stage.duration for stage in stages)


def _frames(stages: list[Stage], md: dict) -> float:
    return _duration([stage for stage in stages if stage.frames]) / md["frame_interval"]


def _shard(job, count: int, block: dict) -> range:
    """Numbers of the samples in the shard of a job."""
    first = int(job.wildcards.shard) * block["shard_size"]
    return range(first, min(first + block["shard_size"], count))


def _shard_of_hydrates(job, config: dict) -> range:
    return _shard(job, config["hydrates"]["sets"][job.wildcards.set]["count"], config["hydrates"])


def _samples(paths: Sequence[str], config: dict) -> int:
    """Samples in the stores among some files, which have all of some films or of some sets of hydrates."""
    counts = {}
    for folder in {Path(path).parent for path in paths}:
        if "hydrates" in folder.parts:
            counts[folder] = config["hydrates"]["sets"][folder.parent.name]["count"]
        elif {"afm", "films"} & set(folder.parts):
            counts[folder] = config["windows"]["per_trajectory"]
    return sum(counts.values())
