"""The reproduction table: every published number beside ours, with the scale and the reason for the difference."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from icescope.figures.page import save_table
from icescope.figures.reproduction import reproduction_table

CARDS = {
    "water": {
        "scale": "smoke",
        "metal": "Au",
        "training_samples": 120,
        "window_pixels": 32,
        "parameters": 2_500_000,
        "training": {"epochs": 3},
    },
    "pt": {"training_samples": 50},
    "hydrates": {"training_samples": 20, "training": {"steps": 30, "batch_size": 4}},
}
CURVES = pd.DataFrame(
    {
        "origin": ["transfer", "scratch", "scratch", "scratch", "scratch"],
        "protocol": ["epochs", "epochs", "epochs", "epochs", "steps"],
        "species": ["H", "H", "H", "O", "H"],
        "size": [20, 20, 20, 20, 20],
        "accuracy": [0.9, 0.1, 0.2, 0.6, 0.05],
    }
)
SPECIES = ["O", "H", "H flat", "Na"]
LOSS, OXYGEN, HYDROGEN = (
    "loss on Au(111), validation",
    "oxygen accuracy on Au(111), validation",
    "hydrogen accuracy on Au(111), validation",
)
TRAINED, VALIDATED, EPOCHS = "training windows on Au(111)", "validation windows on Au(111)", "training epochs"


def scores(oxygen, hydrogen, loss, samples, sodium=np.nan):
    """Table by species as `evaluate_network` writes it."""
    columns = {"accuracy": [oxygen, hydrogen, hydrogen / 2, sodium], "loss": loss, "samples": samples}
    return pd.DataFrame(columns, index=pd.Index(SPECIES, name="species"))


@pytest.fixture
def accuracy():
    return {
        "validation": scores(0.5, 0.25, 0.02, 40),
        "random": scores(0.45, 0.22, 0.025, 30),
        "test": scores(0.4, 0.2, 0.03, 20),
        "pt_test": scores(0.3, 0.15, 0.04, 10),
        "simple_hydrates": scores(0.7, 0.35, 0.01, 8, 0.9),
        "complex_hydrates": scores(0.6, 0.3, 0.05, 6, 0.8),
    }


def test_every_row_is_complete(accuracy):
    table = reproduction_table(CARDS, accuracy, CURVES)
    assert len(table) == table.quantity.nunique() == 23  # all of published.csv that is of films and hydrates
    for column in ("published", "scale", "why_they_differ", "source"):
        assert table[column].notna().all() and (table[column].astype(str).str.strip() != "").all()
    assert (table.ours.notna() | table.test.notna()).all()
    assert (table.scale == "smoke").all()


def test_ours_is_what_was_given(accuracy):
    table = reproduction_table(CARDS, accuracy, CURVES).set_index("quantity")
    water = [LOSS, OXYGEN, HYDROGEN, TRAINED, VALIDATED, EPOCHS]
    assert table.ours[water].tolist() == [0.02, 50, 25, 120, 40, 3]
    assert table.test[water].dropna().to_dict() == {LOSS: 0.03, OXYGEN: 40, HYDROGEN: 20, VALIDATED: 20}
    assert table.random.dropna().to_dict() == {LOSS: 0.025, OXYGEN: 45, HYDROGEN: 22, VALIDATED: 30}
    assert table.published[OXYGEN] == 96.2 and table.unit[OXYGEN] == "%"
    chosen_on = table.ours[table.test.isna()].drop([TRAINED, EPOCHS])
    assert chosen_on.to_dict() == {
        "loss on simple hydrates": 0.01,
        "sodium accuracy on simple hydrates": 90,
        "oxygen accuracy on simple hydrates": 70,
        "hydrogen accuracy on simple hydrates": 35,
        "hydrogen accuracy on simple hydrates, without pretraining": pytest.approx(15),
        "training windows on Pt(111)": 50,
        "training hydrates": 20,
        "validation hydrates": 8,
        "training epochs on hydrates": 6,
    }
    assert table.test[table.ours.isna()].to_dict() == {
        "loss on Pt(111), test": 0.04,
        "oxygen accuracy on Pt(111), test": 30,
        "hydrogen accuracy on Pt(111), test": 15,
        "test windows on Pt(111)": 10,
        "sodium accuracy on complex hydrates": 80,
        "oxygen accuracy on complex hydrates": 60,
        "hydrogen accuracy on complex hydrates": 30,
        "complex hydrates": 6,
    }


def set_validation(column, species, value):
    def change(cards, accuracy):
        accuracy["validation"].loc[species, column] = value

    return change


@pytest.mark.parametrize(
    "change, quantity, ours",
    [
        (set_validation("accuracy", "O", 0.75), OXYGEN, 75),
        (set_validation("accuracy", "H", 0.75), HYDROGEN, 75),
        (set_validation("loss", SPECIES, 0.5), LOSS, 0.5),
        (set_validation("samples", SPECIES, 41), VALIDATED, 41),
        (lambda cards, _: cards["water"].update(training_samples=121), TRAINED, 121),
        (lambda cards, _: cards["water"]["training"].update(epochs=4), EPOCHS, 4),
    ],
)
def test_a_change_of_the_input_changes_its_row_only(accuracy, change, quantity, ours):
    before = reproduction_table(CARDS, accuracy, CURVES).set_index("quantity").ours
    cards = deepcopy(CARDS)
    change(cards, accuracy)
    after = reproduction_table(cards, accuracy, CURVES).set_index("quantity").ours
    assert after[quantity] == ours
    assert after.index[(after != before) & after.notna()].tolist() == [quantity]


def test_the_reason_names_the_size_of_this_run(accuracy):
    reasons = reproduction_table(CARDS, accuracy, CURVES).set_index("quantity").why_they_differ
    for text in ("120 windows of 32 pixels", "3 epochs", "2.5 million parameters"):
        assert text in reasons[OXYGEN] and text in reasons[HYDROGEN]
    assert "smoke" in reasons[TRAINED]


def test_a_species_without_atoms_leaves_its_number_open(accuracy, tmp_path):
    accuracy["validation"].loc["H", "accuracy"] = np.nan
    table = reproduction_table(CARDS, accuracy, CURVES)
    save_table(table, tmp_path / "a.csv", tmp_path / "a.html")
    read = pd.read_csv(tmp_path / "a.csv").set_index("quantity")
    assert np.isnan(read.ours[HYDROGEN]) and read.ours[OXYGEN] == 50 and read.published[HYDROGEN] == 89.9
    assert "nan" not in (tmp_path / "a.html").read_text().lower()
