"""The weights that ship: what their card says, and whether it holds for a film that they have not seen."""

import json
from pathlib import Path

import pytest
import yaml

from icescope.afm.stacks import simulate_windows
from icescope.cli import WEIGHTS
from icescope.learning.confidence import confidence_table, judge
from icescope.learning.decoding import candidates, choose_molecules, decode, decodings
from icescope.learning.evaluation import all_scores, evaluate, predict_maps, true_atoms
from icescope.learning.weights import load_weights
from icescope.structures.windows import cut_windows

ROOT = Path(__file__).parents[2]
FILM, THICK = "Au_c12_T270", "Au_c28_T270"  # of the run's test films: one layer of water, and several
WINDOWS = 36  # with some 3,000 hydrogen bonds, of which some are seen the wrong way round


@pytest.fixture(scope="module")
def shipped():
    return load_weights(WEIGHTS)


def test_they_are_small_enough_to_ship():
    assert WEIGHTS.stat().st_size < 17e6


def test_what_stands_behind_them(shipped):
    """100,000 samples from 12 independent trajectories at least; nothing of the film below."""
    card = shipped[1]
    films = {Path(name).parent.name for name in json.loads(card["inputs"])}
    assert card["samples_seen"] >= 100_000
    assert len({film for film in films if not film.endswith("_T210")}) >= 12  # those of 210 K validate
    assert not {FILM, THICK} & films
    assert not card["git_commit"].endswith("+")
    assert card["metrics"]["O"] > 5 * card["chance"]["O"] and card["metrics"]["H"] > 3 * card["chance"]["H"]


def predicted(shipped, name):
    """Stacks of a film, their losses and candidates."""
    network, card = shipped
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    film = ROOT / "data/films" / name
    cut = config["windows"] | {"per_trajectory": WINDOWS}
    windows = cut_windows(film / "topology.pdb.gz", film / "trajectory.xtc", cut, seed=1)
    stacks = simulate_windows(windows, config["afm"]).assign(film=("sample", [name] * WINDOWS))
    maps, loss = predict_maps(network, card, stacks, seed=2)
    return stacks, loss, candidates(maps, card["pixel_size"], card)


@pytest.fixture(scope="module")
def unseen(shipped):
    return predicted(shipped, FILM)


@pytest.fixture(scope="module")
def thick(shipped):
    return predicted(shipped, THICK)


def test_a_film_they_have_not_seen(shipped, unseen):
    """As right on it as the card says of validation, 0.1 less at most."""
    card, (stacks, loss, found) = shipped[1], unseen
    right = evaluate(decode(found, card), loss, stacks, card["labels"]).accuracy
    assert right["O"] > card["metrics"]["O"] - 0.1
    assert right["H"] > card["metrics"]["H"] - 0.1


def test_eight_views_tell_more_than_one(shipped, thick):
    network, card = shipped
    stacks, loss, found = thick
    maps, of_one = predict_maps(network, card, stacks, seed=2, views=1)
    assert loss.mean() < of_one.mean()
    one = candidates(maps, card["pixel_size"], card)
    eight_right, one_right = (
        evaluate(decode(atoms, card), loss, stacks, card["labels"]).accuracy["H"] for atoms in (found, one)
    )
    assert eight_right > one_right + 0.01  # of one layer, where most is seen, 0.007


def test_their_confidences_are_probabilities(shipped, unseen):
    """An expected calibration error of 0.05 at most, of calibrated peaks and of what the ice rules keep."""
    card, (stacks, _, found) = shipped[1], unseen
    true = list(true_atoms(stacks, card["labels"]["pose_bound"]))
    judged = judge(found, true, stacks.attrs["window_size"], card)
    error = confidence_table(judged).ece.groupby(["stage", "species"]).first()
    for stage in ("calibrated", "ice rules"):
        for species in ("O", "H"):
            assert error[stage, species] < 0.05


def test_the_ice_rules_halve_broken_rules(shipped, thick):
    """Of all oxygens, against plain peaks."""
    card, (stacks, _, found) = shipped[1], thick
    value = all_scores(decodings(found, choose_molecules(found, card), card), stacks, card, seed=1).value
    for what in ("wrong_number", "double"):
        assert value["ice rules", "ice rules", what] < 0.5 * value["peaks", "ice rules", what]


def test_what_the_ice_rules_settle_has_half_the_donor_swaps_and_broken_rules(shipped, unseen):
    """Against plain peaks; and molecules stay whole, as they do not where only doubtful hydrogens are left out."""
    card, (stacks, _, found) = shipped[1], unseen
    decoded = decodings(found, choose_molecules(found, card), card)
    settled, few, all_peaks = (
        sum(int((one.numbers == 1).sum()) for one in decoded[name])
        for name in ("ice rules, settled", "peaks, as many", "peaks")
    )
    assert settled == few > 0.5 * all_peaks
    value = all_scores(decoded, stacks, card, seed=1).value
    for what in (("hydrogen bond", "swap_rate"), ("ice rules", "wrong_number")):
        assert value["ice rules", *what] < value["peaks", *what]
        assert value["ice rules, settled", *what] < 0.5 * value["peaks", *what]
    assert value["ice rules, settled", "molecule", "f1"] > value["peaks, as many", "molecule", "f1"] + 0.05
