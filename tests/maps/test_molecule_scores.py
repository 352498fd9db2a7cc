import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from found import SIZE, ice_windows, perfect, true_structure
from scipy.spatial.transform import Rotation

from icescope.maps.molecule_scores import count_structures, hydrogen_bonds, nearest_molecule, scores
from icescope.maps.scores import bootstrap, radius_sweep, rates

RADIUS = {"O": 0.74, "H": 0.528}
HALF = np.radians(109.47 / 2)
# Two waters in a plane, O...O 2.75 A: the first gives a hydrogen bond to the second, which turns its back to it.
DONOR = np.array([[0, 0, 0], [1, 0, 0], [np.cos(2 * HALF), np.sin(2 * HALF), 0]])
ACCEPTOR = np.array([[2.75, 0, 0], [2.75 + np.cos(HALF), np.sin(HALF), 0], [2.75 + np.cos(HALF), -np.sin(HALF), 0]])


@pytest.fixture(scope="module")
def windows():
    return ice_windows(3, 7)


def dimer():
    return true_structure(np.array([DONOR, ACCEPTOR]) + [8, 8, 3])


def found(true):
    """The dimer as found, without molecules."""
    atoms = true.copy()
    del atoms.arrays["molecule"]
    return atoms


def score(predicted, true, heights_known=True):
    return scores(count_structures([predicted], [true], SIZE, RADIUS, heights_known)).iloc[0]


def test_the_truth_scores_full_marks(windows):
    counts = count_structures([perfect(true) for true in windows], windows, SIZE, RADIUS, True)
    table = scores(counts)
    for what in ("O", "H", "H up", "molecule"):
        assert (table[what][["precision", "recall", "f1", "accuracy"]] == 1).all(axis=None)
    assert (table["hydrogen bond"]["recall"] == 1).all() and (table["hydrogen bond"]["precision"] > 0.99).all()
    assert (table["hydrogen bond"]["swap_rate"] == 0).all() and (table["ice rules"] == 0).all(axis=None)
    assert (table["O"][["lateral_rmse", "vertical_rmse"]] == 0).all(axis=None)
    assert (table["molecule"]["orientation_error"] < 1e-3).all()  # arccos near 1
    # Four bonds at each water of the crystal, three of them in the bilayer: 3/2 a molecule.
    whole = [sum(hydrogen_bonds(true, true.arrays["molecule"]).ravel()) for true in windows]
    assert np.allclose(np.array(whole) / [(true.numbers == 8).sum() for true in windows], 1.5, atol=0.25)


def test_errors_of_place_by_hand():
    true, shifted = dimer(), found(dimer())
    shifted.positions += [0.3, 0.4, -0.2]
    shifted.positions[3, 2] += 0.6  # the second oxygen 0.4 A too high
    row = score(shifted, true)
    assert row["O", "lateral_rmse"] == pytest.approx(0.5) and row["O", "lateral_error"] == pytest.approx(0.5)
    assert row["O", "vertical_error"] == pytest.approx(0.1)
    assert row["O", "vertical_rmse"] == pytest.approx(np.sqrt((0.2**2 + 0.4**2) / 2))
    flat = score(shifted, true, heights_known=False)
    assert ("O", "vertical_rmse") not in flat and ("molecule", "orientation_error") not in flat
    assert flat["O", "lateral_rmse"] == pytest.approx(0.5)


def test_orientation_error_is_the_angle_that_the_molecule_is_turned_by():
    true, turned = dimer(), found(dimer())
    for begin in (0, 3):
        oxygen = turned.positions[begin].copy()
        turn = Rotation.from_euler("z", 12, degrees=True)
        turned.positions[begin : begin + 3] = oxygen + turn.apply(turned.positions[begin : begin + 3] - oxygen)
    assert score(turned, true)["molecule", "orientation_error"] == pytest.approx(12)
    assert score(turned[[0, 2, 1, 3, 4, 5]], true)["molecule", "orientation_error"] == pytest.approx(12)


def test_a_donor_swap_is_a_bond_the_other_way_round():
    true, swapped = dimer(), found(dimer())
    assert score(swapped, true)["hydrogen bond", "swap_rate"] == 0
    swapped.positions[1] = swapped.positions[3] - [1, 0, 0]
    counts = count_structures([swapped], [true], SIZE, RADIUS, True)
    assert counts["hydrogen bond"].iloc[0].tolist() == [0, 1, 1, 1, 1]
    assert counts["molecule"].iloc[0][["true_positive", "false_positive", "false_negative"]].tolist() == [0, 2, 2]
    assert counts["ice rules"].iloc[0].tolist() == [2, 2, 1, 0]
    # In the middle, on the donor's side or given to the donor by name, it is none; lost altogether, none either.
    swapped.positions[1, 0] = swapped.positions[0, 0] + 1.3
    assert score(swapped, true)["hydrogen bond", "swap_rate"] == 0
    swapped.positions[1, 0] = swapped.positions[0, 0] + 1.75
    swapped.set_array("molecule", np.array([0, 0, 0, 1, 1, 1]))
    assert score(swapped, true)["hydrogen bond", "swap_rate"] == 0
    assert score(found(true)[[0, 2, 3, 4, 5]], true)["hydrogen bond", "swap_rate"] == 0


def test_two_hydrogens_on_a_bond_and_wrong_numbers_are_counted():
    true = dimer()
    both = found(true) + Atoms("H", [true.positions[3] - [1, 0, 0]])
    both.set_array("pose", np.array(["", "flat", "flat", "", "flat", "flat", "flat"], dtype="<U4"))
    rules = count_structures([both], [true], SIZE, RADIUS, True)["ice rules"].iloc[0]
    assert rules.to_dict() == {"oxygens": 2, "wrong_number": 1, "pairs": 1, "double": 1}
    at_edge = both.copy()
    at_edge.positions[:, 1] -= 7  # 1 A from the edge: hydrogens may be outside
    assert count_structures([at_edge], [true], SIZE, RADIUS, True)["ice rules", "oxygens"].iloc[0] == 0


def test_molecules_that_reach_out_of_the_window_do_not_count():
    true = dimer()
    true.positions[:, 0] -= 8.5  # the donor's oxygen and one hydrogen outside
    seen = perfect(true)
    row = count_structures([seen], [true], SIZE, RADIUS, True).iloc[0]
    assert row["molecule"][["true_positive", "false_positive", "false_negative"]].tolist() == [1, 0, 0]
    assert row["hydrogen bond"][["true_positive", "false_positive", "false_negative"]].tolist() == [0, 0, 0]


def test_hydrogens_belong_to_the_nearest_oxygen_within_reach():
    atoms = Atoms("OOHHHNa", [[0, 0, 0], [3, 0, 0], [1, 0, 0], [1.7, 0, 0], [0, 1.5, 0], [0, 0, 1]])
    assert nearest_molecule(atoms).tolist() == [0, 1, 0, 1, -1, -1]


@pytest.mark.parametrize("missing", ["OH", "O", "H"])
def test_nothing_found_is_no_error(missing):
    true = dimer()
    rest = found(true)[[atom.symbol not in missing for atom in true]]
    row = count_structures([rest], [true], SIZE, RADIUS, True).iloc[0]
    assert row["molecule", "true_positive"] == 0 and row["molecule", "false_negative"] == 2
    assert count_structures([found(true)], [true[:0]], SIZE, RADIUS, True).iloc[0]["O", "false_positive"] == 2


def test_rates_by_hand():
    counts = pd.DataFrame([[6, 2, 1], [0, 0, 0]], columns=["true_positive", "false_positive", "false_negative"])
    table = rates(counts)
    assert table.iloc[0].tolist() == pytest.approx([6 / 8, 6 / 7, 12 / 15, 6 / 9])
    assert table.iloc[1].isna().all()


def test_a_wider_radius_never_finds_fewer(windows):
    rng = np.random.default_rng(0)
    noisy = [perfect(true) for true in windows]
    for atoms in noisy:
        atoms.positions += rng.normal(scale=0.25, size=atoms.positions.shape)
    recall = rates(radius_sweep(noisy, windows, SIZE, ["O", "H"], [0.1, 0.35, 0.7, 1.0]))["recall"].unstack()
    assert (recall[["O", "H"]].diff().iloc[1:] >= 0).all(axis=None)
    # A lateral error of 0.25 A in x and in y is Rayleigh distributed: within 0.35 A of a far lone atom in
    # 1 - exp(-0.98) = 0.625 of cases; 200 oxygens give +-0.035.
    assert recall.loc[0.35, "O"] == pytest.approx(0.625, abs=0.1)


def test_bootstrap_of_a_mean_has_the_standard_error_of_the_groups():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 25)
    level = rng.normal(size=40)[groups]  # what samples of a group share
    counts = pd.DataFrame({"sum": 5 + level + 0.1 * rng.normal(size=1000), "number": 1.0})

    def mean(sums):
        return pd.DataFrame({"mean": sums["sum"] / sums["number"]})

    row = bootstrap(counts, groups, mean, seed=2).loc["mean"]
    error = counts["sum"].groupby(groups).mean().std() / np.sqrt(40)
    assert row["value"] == pytest.approx(counts["sum"].mean())
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * error, rel=0.15)
    again = bootstrap(counts, groups, mean, seed=2).loc["mean"]
    assert (row == again).all()
    assert bootstrap(counts, np.zeros(1000), mean, seed=2)[["low", "high"]].isna().all(axis=None)


def test_bootstrap_takes_the_scores(windows):
    counts = count_structures([perfect(true) for true in windows], windows, SIZE, RADIUS, True)
    table = bootstrap(counts, [0, 1, 2], scores, seed=0, resamples=20)
    assert table.loc[("molecule", "f1")].tolist() == [1, 1, 1]
