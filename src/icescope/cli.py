"""The commands of icescope; heavy libraries are imported inside them, so that `--help` answers at once."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from icescope import __version__
from icescope.errors import InputError

WEIGHTS = "results/*/learning/unet.safetensors"

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
    weights: Annotated[Path | None, typer.Option(help="Weights to use.", show_default=f"the newest {WEIGHTS}")] = None,
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
        weights = weights or newest_weights(Path.cwd())

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


def newest_weights(folder: Path) -> Path:
    """The weights that the workflow wrote last under a folder."""
    found = sorted(folder.glob(WEIGHTS), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(
            f"There are no weights under {folder} ({WEIGHTS}); run `make run` there first,"
            " or give a file with --weights."
        )
    return found[-1]


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
