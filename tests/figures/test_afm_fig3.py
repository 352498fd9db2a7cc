"""Figure 3: hydrates of median loss, drawn around their ion, and accuracies of the species that are there."""

import numpy as np
import pandas as pd
import pytest

from icescope.figures.afm_fig3 import SHOWN, _examples, draw_fig3
from icescope.maps.avdw import render_stacks

SPECIES = pd.Index(["O", "H", "H up", "Na", "K"], name="species")


def accuracy(sodium, potassium):
    values = [0.9, 0.6, 0.5, sodium, potassium]
    return pd.DataFrame({"accuracy": values, "best": values, "worst": values, "chance": 0.1}, SPECIES)


@pytest.fixture
def sets(hydrates_of):
    return {
        "simple": (*hydrates_of(11, [3, 4] * 3, [0.1, 0.6, 0.3, 0.5, 0.2, 0.4]), accuracy(0.8, np.nan)),
        "complex": (*hydrates_of(11, [6, 8], [0.1, 0.2]), accuracy(0.7, np.nan)),
        "K⁺": (*hydrates_of(19, [4], [0.3]), accuracy(np.nan, 0.4)),
    }


@pytest.fixture
def figure(sets, labels):
    return draw_fig3(sets, labels)


def test_examples_are_of_median_loss_for_each_number_of_waters(sets):
    assert _examples(*sets["simple"][:2]) == [4, 3]  # losses 0.1, 0.2, 0.3 of three waters and 0.4, 0.5, 0.6 of four


def test_rows_are_two_simple_hydrates_a_complex_one_and_one_of_potassium(figure, sets, labels):
    names = [axis.get_ylabel().split("\n")[0] for axis in figure.axes[:20:5]]
    assert names == ["Na⁺·3H₂O", "Na⁺·4H₂O", "Na⁺·6H₂O", "K⁺·4H₂O"]
    stacks, predictions, _ = sets["simple"]
    shown = [axis.images[0].get_array() for axis in figure.axes[5:10]]
    np.testing.assert_array_equal(shown[0], stacks.frequency_shift[3, 0])
    np.testing.assert_allclose(shown[3], render_stacks(stacks, labels)[3].movedim(0, -1))
    np.testing.assert_allclose(shown[4], np.moveaxis(predictions.predicted_map.values[3], 0, -1))


def test_panels_show_the_surroundings_of_the_ion_in_nm(figure):
    for axis in figure.axes[:20]:
        assert np.diff(axis.get_xlim()) == pytest.approx(SHOWN / 10) and np.mean(axis.get_ylim()) == pytest.approx(1.2)
    assert figure.axes[0].get_ylabel().endswith("y (nm)") and figure.axes[19].get_xlabel() == "x (nm)"


def test_bars_are_of_atoms_not_of_poses_and_only_where_there_are_atoms(figure):
    bars = figure.axes[20]
    assert [text.get_text() for text in bars.get_xticklabels()] == ["O", "H", "Na", "K"]
    heights = np.reshape([bar.get_height() for bar in bars.patches], (3, 4))
    np.testing.assert_allclose(heights[:, :2], [[90, 60]] * 3)
    np.testing.assert_allclose(heights[:, 2:], [[80, np.nan], [70, np.nan], [np.nan, 40]])
