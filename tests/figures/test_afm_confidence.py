"""Confidence: what is drawn is the table, a curve for each stage, also where atoms of a species are missing."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_confidence import draw_confidence
from icescope.figures.page import save_figure
from icescope.learning.confidence import STAGES, confidence_table


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    atoms = pd.DataFrame(
        {
            "stage": np.repeat(STAGES, 300),
            "species": np.tile(["O", "H", "H"], 300),
            "confidence": rng.uniform(size=900),
            "right": rng.uniform(size=900) < 0.6,
        }
    )
    return confidence_table(atoms)


def test_curves_are_the_rows_of_the_table(table):
    axes = draw_confidence(table).axes
    for column, species in enumerate("OH"):
        for line, stage in enumerate(STAGES):
            rows = table.groupby(["stage", "species"]).get_group((stage, species))
            reliability, risk = axes[column].lines[line + 1], axes[2 + column].lines[line]
            np.testing.assert_allclose(reliability.get_xydata(), rows[["confidence", "share_right"]])
            np.testing.assert_allclose(risk.get_xydata(), rows[["coverage", "risk"]] * [1, 100])
            label = axes[column].get_legend().get_texts()[line].get_text()
            assert label == f"{stage}: ECE {rows.ece.iloc[0]:.3f}, {rows.atoms.sum()} atoms"
    risks = 100 * table.risk
    assert axes[3].get_ylim()[0] == 0 and axes[3].get_ylim()[1] > risks.max()
    assert axes[0].get_xlabel() == "confidence" and axes[2].get_ylabel().endswith("(%)")


def test_species_without_atoms_leave_their_panels_empty(table, tmp_path):
    for rows in (table.drop(index="H", level="species"), table[:0]):
        figure = draw_confidence(rows)
        assert [len(axis.lines) for axis in figure.axes[1::2]] == [1, 0]
        save_figure(figure, rows, tmp_path / "a.png", tmp_path / "a.csv")


def test_csv_gives_the_table_back(table, tmp_path):
    save_figure(draw_confidence(table), table, tmp_path / "a.png", tmp_path / "a.csv")
    back = pd.read_csv(tmp_path / "a.csv", index_col=["stage", "species", "bin"])
    pd.testing.assert_frame_equal(back, table, rtol=1e-5)
