"""What the jobs of the workflow have to do: amounts by unit, such as an atom for a picosecond.

They are counted from a job's own params and the configuration, in the units of unit_costs.csv.
"""

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from pyscf import gto
from torch.utils.flop_counter import FlopCounterMode

from icescope.afm.stacks import window_scan
from icescope.amorphous import ices, sandwiches
from icescope.config import image_count, random_windows
from icescope.dft.batch import slab_axes
from icescope.learning.networks import build_network
from icescope.learning.robustness import EFFECTS
from icescope.learning.transfer import steps_of
from icescope.learning.views import VIEWS
from icescope.md.film_run import film_stages
from icescope.md.stage import Stage, whole_intervals
from icescope.premelting.surface import surface_stages
from icescope.structures.slab import metal_slab

MOLECULES, BILAYERS = 16, 2  # in a cell of ice Ih


def work_of(job, config: dict) -> dict[str, float]:
    """Amounts by unit of a job of Snakemake, under the whole configuration of its run."""
    # Of all other rules, figures and tables, a job is little more than its start.
    return WORK[job.rule.name](job, config) if job.rule.name in WORK else {"job": 1}


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


def _random_stacks(job, config: dict) -> dict[str, float]:
    return _stacks(job.params.windows["per_trajectory"], config)


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
    return _ice_dynamics(_molecules(dynamics, ice), [], _ice_stages(dynamics, ice), _ice_md(dynamics, ice))


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
    frames = 1 if dynamics == "joined" else _frames(_ice_stages(dynamics, ice), _ice_md(dynamics, ice))
    return {"job": 1, f"molecule-frame by {job.wildcards.descriptors}": frames * _molecules(dynamics, ice)}


def _amorphous_fig4(job, config: dict) -> dict[str, float]:
    ice = config["amorphous"]
    frames = _frames(_ice_stages("compression", ice), _ice_md("compression", ice))
    return {"molecule-frame": frames * _molecules("compression", ice)}


def _amorphous_table2(job, config: dict) -> dict[str, float]:
    return {"job": 1, "molecule": job.params.molecules * len(job.input.weights)}


def _ice_surface(job, config: dict) -> dict[str, float]:
    settings = config["premelting"]
    md, molecules = settings["md"], MOLECULES * math.prod(settings["repeats"])
    stages = _surface_stages(settings)
    work = {f"molecule-ps by {md['engine']}": molecules * _duration(stages)}
    return work | {"molecule-frame": molecules * _frames(stages, md)}


def _surface_layers(job, config: dict) -> dict[str, float]:
    settings = config["premelting"]
    molecules = MOLECULES * math.prod(settings["repeats"])
    return {"job": 1, "molecule-frame": molecules * _frames(_surface_stages(settings), settings["md"])}


def _surface_reading(job, config: dict) -> dict[str, float]:
    settings = config["premelting"]
    holds = sum(stage.frames for stage in _surface_stages(settings))
    in_bilayer = MOLECULES // BILAYERS * math.prod(settings["repeats"][:2])
    return {"job": 1, "molecule of a face": 2 * holds * in_bilayer}


RUNS = {"ice_compression": "compression", "interface_relaxation": "interface", "interface_compression": "pressed"}
WORK: dict[str, Callable[..., dict[str, float]]] = {
    "film_trajectory": _film_trajectory,
    "film_windows": _film_windows,
    "afm_stacks": _afm_stacks,
    "random_stacks": _random_stacks,
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
    "ice_surface": _ice_surface,
    "surface_layers": _surface_layers,
    "surface_reading": _surface_reading,
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
    """Maps that are predicted, each of several views, and their pixels, in which atoms are found."""
    pixels = config["afm"]["pixels"]
    gflop, _ = _arithmetic(json.dumps([network, config["labels"]]), pixels)
    found = {f"million pixels of {network['output']}": count * pixels**2 / 1e6}
    return {"job": 1, "map GFLOP": count * VIEWS * gflop} | found


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
    making = ices.making_stages(phase, ice["protocol"], stages[0].pressure[0])
    work = _ice_dynamics(molecules, making, stages, ice["md"])
    if phase == "MDA":
        work[f"molecule-displacement by {ice['md']['engine']}"] = molecules * ice["protocol"]["displacements"]
    return work


def _ice_dynamics(molecules: int, making: list[Stage], stages: list[Stage], md: dict) -> dict[str, float]:
    """Dynamics by the engine that `ices.run_ice` takes, without frames while the ice is made."""
    engine = ices.engine_name(making + stages, md)
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


def _surface_stages(settings: dict) -> list[Stage]:
    stages = surface_stages(settings["temperatures"], settings["rate"], settings["hold"])
    return whole_intervals(stages, settings["md"]["frame_interval"])


def _ice_md(dynamics: str, ice: dict) -> dict:
    """The block `md` of the same."""
    return ices.compression_md(ice["md"], **ice["compression"]) if dynamics == "compression" else ice["md"]


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
    for path in map(Path, paths):
        folder, kind = path.parent, "".join(path.parts[2:3])  # after results/<run>
        if path.name == "random.zarr.zip":
            counts[path] = random_windows(config)
        elif kind == "hydrates":
            counts[folder] = config["hydrates"]["sets"][folder.parent.name]["count"]
        elif kind in ("afm", "films"):
            counts[folder] = config["windows"]["per_trajectory"]
    return sum(counts.values())
