"""The weights that ship: what their card says, and whether it holds for a film that they have not seen."""

import json
from pathlib import Path

import pytest
import yaml

from icescope.afm.stacks import simulate_windows
from icescope.cli import WEIGHTS
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import evaluate, predict_maps
from icescope.learning.weights import load_weights
from icescope.structures.windows import cut_windows

ROOT = Path(__file__).parents[2]
FILM = "Au_c12_T270"  # of the run's test films


@pytest.fixture(scope="module")
def shipped():
    return load_weights(WEIGHTS)


def test_they_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in WEIGHTS.parent.iterdir()) < 17e6


def test_what_stands_behind_them(shipped):
    """100,000 samples from 12 independent trajectories at least; nothing of the film below."""
    card = shipped[1]
    films = {Path(name).parent.name for name in json.loads(card["inputs"])}
    assert card["training"]["epochs"] * card["training_samples"] >= 100_000
    assert len({film for film in films if not film.endswith("_T210")}) >= 12  # those of 210 K validate
    assert FILM not in films
    assert not card["git_commit"].endswith("+")
    assert card["metrics"]["O"] > 5 * card["chance"]["O"] and card["metrics"]["H"] > 3 * card["chance"]["H"]


def test_a_film_they_have_not_seen(shipped):
    """As right on it as the card says of validation, 0.1 less at most: 12 windows hold some 600 oxygens."""
    network, card = shipped
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    film = ROOT / "data/films" / FILM
    cut = config["windows"] | {"per_trajectory": 12}
    windows = cut_windows(film / "topology.pdb.gz", film / "trajectory.xtc", cut, seed=1)
    stacks = simulate_windows(windows, config["afm"]).assign(film=("sample", [FILM] * 12))
    maps, loss = predict_maps(network, card, stacks, seed=2)
    molecules = decode(candidates(maps, card["pixel_size"], card), card)
    right = evaluate(molecules, loss, stacks, card["labels"]).accuracy
    assert right["O"] > card["metrics"]["O"] - 0.1
    assert right["H"] > card["metrics"]["H"] - 0.1
