"""The commands of icescope; heavy libraries are imported inside them, so that `--help` answers at once."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from icescope import __version__
from icescope.errors import InputError

WEIGHTS = Path(__file__).with_name("weights") / "peaks.safetensors"

Origin = StrEnum("Origin", ["mean_oxygen", "top_oxygen", "substrate", "absolute"])
Multipole = StrEnum("Multipole", ["monopole", "dz2"])
Format = StrEnum("Format", ["zarr", "npz", "gsf"])
PotentialFormat = StrEnum("PotentialFormat", ["zarr", "cube"])
PhaseModel = StrEnum("PhaseModel", {"M2": "M2", "M3": "M3"})

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"icescope {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Atoms of water and ice out of scanning-probe images."""


@app.command()
def predict(
    stack: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of images, 0.png the closest to the surface, and cell.txt with their size."
        ),
    ],
    weights: Annotated[Path, typer.Option(help="Weights to use.", show_default="those of the package")] = WEIGHTS,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="DIR's name with _predicted")
    ] = None,
) -> None:
    """Find the atoms that a stack of measured images shows: structure.xyz, map.png and report.md."""
    with _one_sentence():
        from icescope.afm.measured import read_stack

        images = read_stack(stack)
        out = out or Path(f"{stack.resolve().name}_predicted")
        if out.resolve() == stack.resolve():
            raise InputError(f"--out {out} is the folder of the images; give another one for the results.")

        from icescope.figures.experiment import draw_prediction
        from icescope.learning.experiment import predict_stack
        from icescope.learning.experiment_report import read_truth, write_prediction
        from icescope.learning.weights import load_weights

        truth = read_truth(stack)
        network, card = load_weights(weights)
        prediction = predict_stack(images, network, card)
        write_prediction(prediction, draw_prediction(prediction), card, weights, out, truth)
        scale = card.get("scale", "unknown")
        typer.echo(f"{_formula(prediction.atoms)}: see {out / 'report.md'} (weights {weights}, scale {scale})")


@app.command()
def simulate(
    structure: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Structure in any format that ASE reads, such as extended XYZ with initial_charges."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="New folder for the images.", show_default="FILE's name with _afm")
    ] = None,
    heights: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            help="Lowest and highest height of the tip's metal atom above --origin, and the step, A.",
            show_default="2 A of contrast above either oxygen",
            metavar="FIRST LAST STEP",
        ),
    ] = None,
    origin: Annotated[
        Origin, typer.Option(help="Heights count from here: oxygens, the highest atom of the substrate, or z = 0.")
    ] = Origin.top_oxygen,
    pixel_size: Annotated[float, typer.Option(help="Of the images, A.")] = 0.2,
    amplitude: Annotated[float, typer.Option(help="Of the oscillation, zero to peak, A.")] = 1.0,
    f0: Annotated[float, typer.Option("--f0", help="Resonance frequency of the sensor, Hz.")] = 28700.0,
    k0: Annotated[float, typer.Option("--k0", help="Stiffness of the sensor, N/m.")] = 1800.0,
    tip_charge: Annotated[float, typer.Option(help="Charge of the probe, e (monopole) or e A^2 (dz2).")] = -0.05,
    multipole: Annotated[Multipole, typer.Option(help="What the charge of the probe is.")] = Multipole.monopole,
    lateral_stiffness: Annotated[float, typer.Option(help="Of the probe against bending, N/m.")] = 0.5,
    tilt: Annotated[
        tuple[float, float],
        typer.Option(help="Sideways displacement of the free probe along x and y, A.", metavar="X Y"),
    ] = (0.0, 0.0),
    potential: Annotated[
        Path | None,
        typer.Option(
            help="Electrostatic potential in the structure's coordinates: potential.zarr.zip, .cube, LOCPOT or .xsf.",
            show_default="that of the charges",
        ),
    ] = None,
    formats: Annotated[
        list[Format], typer.Option("--format", help="File of the frequency shifts beside the images; may be repeated.")
    ] = [Format.zarr],  # noqa: B006
) -> None:
    """Simulate AFM images of a structure: 0.png, 1.png, ... with cell.txt, overview.pdf, and the numbers."""
    with _one_sentence():
        from dataclasses import asdict

        from icescope.afm import Tip
        from icescope.afm.export import write_simulation
        from icescope.afm.structure_stack import contrast_heights, scanned_area, simulate_structure
        from icescope.figures.afm_stack import draw_stack
        from icescope.provenance import provenance
        from icescope.storage import check_new_folder
        from icescope.structures.read import read_structure

        out = out or Path(f"{structure.stem}_afm")
        check_new_folder(out)
        tip = Tip(charge=tip_charge, multipole=multipole.value, lateral_stiffness=lateral_stiffness, tilt=tilt)
        atoms = read_structure(structure)
        heights = heights or contrast_heights(origin.value)
        sensor = {"amplitude": amplitude, "f0": f0, "k0": k0}
        field = None
        if potential:
            from icescope.dft.files import read_potential, repeat_with_cell

            field = repeat_with_cell(read_potential(potential), atoms, *scanned_area(atoms))
        stack = simulate_structure(atoms, tip, heights, origin.value, pixel_size, **sensor, potential=field)
        settings = {"tip": asdict(tip), "heights": heights, "origin": origin.value, "pixel_size": pixel_size, **sensor}
        made = provenance(settings, inputs=tuple(str(path) for path in (structure, potential) if path))
        write_simulation(stack, draw_stack(stack, structure.name), [one.value for one in formats], out, made)
        typer.echo(f"{stack.sizes['height']} images of {stack.sizes['x']} x {stack.sizes['y']} pixels: see {out}")


@app.command()
def potential(
    structure: Annotated[
        Path, typer.Argument(metavar="FILE", help="Isolated cluster in any format that ASE reads, such as XYZ.")
    ],
    charge: Annotated[
        int | None, typer.Option(help="Of the cluster, e.", show_default="what the file states, else 0")
    ] = None,
    spin: Annotated[int, typer.Option(help="Number of unpaired electrons.")] = 0,
    functional: Annotated[str, typer.Option(help="Of the exchange and correlation, by PySCF's names.")] = "PBE",
    basis: Annotated[str, typer.Option(help="Of the orbitals, by PySCF's names.")] = "def2-SVPD",
    step: Annotated[float, typer.Option(help="Between the points of the grid, A.")] = 0.2,
    heights: Annotated[
        tuple[float, float],
        typer.Option(help="Of the grid above the highest atom, A; it reaches 5 A beside them.", metavar="LOW HIGH"),
    ] = (0.5, 8.0),
    plane: Annotated[float, typer.Option(help="Height of the plane in the picture, above the highest atom, A.")] = 3.0,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compute each point by its integrals, a hundred times slower.")
    ] = False,
    formats: Annotated[
        list[PotentialFormat], typer.Option("--format", help="File of the potential; may be repeated.")
    ] = [PotentialFormat.zarr],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="New folder for the files.", show_default="FILE's name with _potential")
    ] = None,
) -> None:
    """Electrostatic potential of a cluster by density functional theory: potential.zarr.zip or .cube, and plane.png."""
    with _one_sentence():
        from icescope.dft.density import stated_charge
        from icescope.dft.files import write_potential
        from icescope.dft.potential import grid_above, potential_grid
        from icescope.figures.potential import draw_plane
        from icescope.provenance import provenance
        from icescope.storage import check_new_folder
        from icescope.structures.read import read_atoms

        out = out or Path(f"{structure.stem}_potential")
        check_new_folder(out)
        atoms = read_atoms(structure)
        charge = stated_charge(atoms) if charge is None else charge
        axes = grid_above(atoms, step, heights)
        if not heights[0] <= plane <= heights[1]:
            raise InputError(f"the plane at {plane:g} A is outside the grid, {heights[0]:g} to {heights[1]:g} A.")
        result = potential_grid(atoms, *axes, charge, spin, functional, basis, exact)
        settings = {"charge": charge, "spin": spin, "functional": functional, "basis": basis, "exact": exact}
        made = provenance(settings | {"step": step, "heights": heights}, inputs=(str(structure),))
        picture = draw_plane(result.potential, atoms, plane, structure.name)
        write_potential(result, atoms, picture, [one.value for one in formats], out, made)
        error = "" if exact else f", error {result.attrs['error_rms_meV']:.2f} meV rms"
        typer.echo(f"{' x '.join(str(len(axis)) for axis in axes)} points in {result.attrs['seconds']} s{error}: {out}")


@app.command()
def classify(
    trajectory: Annotated[
        Path,
        typer.Argument(
            metavar="TRAJECTORY",
            help="Of water alone: extended XYZ, or any format that MDAnalysis reads, with its cell.",
        ),
    ],
    top: Annotated[
        Path | None,
        typer.Option(
            metavar="TOPOLOGY", help="File that says which atom is what, such as .gro, for a trajectory that does not."
        ),
    ] = None,
    model: Annotated[
        PhaseModel | None,
        typer.Option(help="Tells apart LDA and HDA (M2), or LDA, MDA and HDA (M3).", show_default="M2"),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights to use.", show_default="those of the package, for oxygens and hydrogens if there"),
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="Of the probability of a phase; what exceeds it nowhere is intermediate (IA).")
    ] = 0.95,
    every: Annotated[int, typer.Option(min=1, help="Classify every so many frames.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the results.", show_default="TRAJECTORY's name with _phases")
    ] = None,
) -> None:
    """Phase of each molecule of amorphous ice: phases.zarr.zip, phases.extxyz, fractions.csv and fractions.png."""
    with _one_sentence():
        from itertools import chain, islice

        from ase.io.extxyz import write_extxyz

        from icescope.amorphous.classification import classify as classify_frames
        from icescope.amorphous.classification import coloured, fractions
        from icescope.amorphous.frames import water_frames
        from icescope.amorphous.phase_weights import load_classifier, shipped_classifier
        from icescope.amorphous.phases import check_threshold
        from icescope.figures.amorphous_phases import COLOURS
        from icescope.figures.page import save_figure
        from icescope.figures.phase_fractions import draw_fractions
        from icescope.provenance import provenance
        from icescope.storage import check_new_folder, whole_folder, write

        out = out or Path(f"{trajectory.stem}_phases")
        check_new_folder(out)
        check_threshold(threshold)
        frames = water_frames(trajectory, top)
        first = next(frames)
        hydrogens = "H" in first.symbols
        weights = weights or shipped_classifier(model or PhaseModel.M2, "O,H" if hydrogens else "O")
        classifier, card = load_classifier(weights)
        if model not in (None, card["model"]):
            raise InputError(f"{weights} are of the model {card['model']}, not {model}; leave out --model.")
        if "H" in card["descriptors"] and not hydrogens:
            raise InputError(
                f"{weights} need hydrogens ({card['descriptors']}), and {trajectory} has oxygens alone; give weights"
                " for oxygens (O), or leave out --weights."
            )
        phases = classify_frames(islice(chain([first], frames), 0, None, every), classifier, card)
        shares = fractions(phases, threshold)
        inputs = tuple(str(path) for path in (trajectory, top, weights) if path)
        made = provenance({"threshold": threshold, "every": every}, inputs=inputs)
        with whole_folder(out) as partial:
            write(phases, partial / "phases.zarr.zip", "phases", made)
            picture = draw_fractions(shares, threshold)
            save_figure(picture, shares, partial / "fractions.png", partial / "fractions.csv")
            with (partial / "phases.extxyz").open("w") as file:
                write_extxyz(file, coloured(phases, threshold, COLOURS))
        mean = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.mean().drop("time_ps").items())
        typer.echo(f"{mean} of {phases.sizes['molecule']} molecules, mean of {len(shares)} frames: see {out}")


@app.command()
def plan(
    config: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Configuration over config/config.yaml, such as config/paper.yaml; may be repeated.",
            show_default="demo scale",
        ),
    ] = None,
    workflow_profile: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Profile that says how many threads a job gets, such as profiles/slurm.",
            show_default="those of the rules",
        ),
    ] = None,
) -> None:
    """What the whole workflow would take, by rule: jobs, core-hours, GPU-hours, hours of a job, storage."""
    with _one_sentence():
        from icescope.plan import find_checkout, job_costs, plan_table, plan_text, planned_jobs, unit_costs

        jobs = planned_jobs(find_checkout(), config or [], workflow_profile)
        typer.echo(plan_text(plan_table(job_costs(jobs, unit_costs()))))


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Show the package's messages on stderr; end with one sentence and status 1 on an `InputError`."""
    logger = logging.getLogger("icescope")
    handler = logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    except InputError as error:
        typer.echo(f"icescope: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _formula(atoms) -> str:
    """Numbers of atoms in words: "31 O, 57 H"."""
    symbols = atoms.get_chemical_symbols()
    return ", ".join(f"{symbols.count(s)} {s}" for s in sorted(set(symbols), reverse=True)) or "No atoms"
