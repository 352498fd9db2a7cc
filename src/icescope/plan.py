"""What a run of the whole workflow would cost: its jobs as Snakemake plans them, times measured unit costs.

What a job has to do is counted by `planned_work`; unit_costs.csv says what a unit of it costs and where that was
measured. What has not been measured is not guessed.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from snakemake.api import SnakemakeApi
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

from icescope.errors import InputError
from icescope.planned_work import work_of

CHECKOUT = ("Snakefile", "config/config.yaml")  # files by which the folder of the workflow is known
CORES = 1024  # more than any rule asks for, so that no job's threads are cut to those of this machine
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
        if not os.path.isfile(path):
            raise InputError(f"there is no configuration {path}; give a file such as config/paper.yaml.")
    try:
        resources = ResourceSettings(cores=CORES, **_processors(profile)) if profile else ResourceSettings(cores=CORES)
        with TemporaryDirectory() as empty, SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            Path(empty, "results").mkdir()
            made = {"results", ".snakemake", f"results/{_run_of(checkout, overlays)}"}
            for entry in [*checkout.iterdir(), *checkout.glob("results/*")]:
                if (place := entry.relative_to(checkout)).as_posix() not in made:
                    Path(empty, place).symlink_to(entry.absolute())
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


def _run_of(checkout: Path, overlays: Sequence[Path]) -> str:
    """Name of the run, whose own results are to be made anew; those of others may be given to it."""
    files = [checkout / "config/config.yaml", *overlays]
    return [one["run"] for one in map(load_configfile, map(str, files)) if "run" in one][-1]


def _processors(profile: Path) -> dict:
    """Threads and MPI ranks of rules in a profile, as arguments of `ResourceSettings`."""
    file = profile / "config.yaml"
    if not os.path.isfile(file):
        raise InputError(f"there is no profile {file}; give a folder such as profiles/slurm.")
    settings = load_configfile(str(file))
    ranks = {
        rule: {"tasks": resources["tasks"]}
        for rule, resources in settings.get("set-resources", {}).items()
        if "tasks" in resources
    }
    return {"overwrite_threads": settings.get("set-threads", {}), "overwrite_resources": ranks}


def _planned(job, config: dict) -> PlannedJob:
    resources = job.resources
    return PlannedJob(
        job.rule.name, job.threads * resources.get("tasks", 1), resources.get("gpu", 0), work_of(job, config)
    )
