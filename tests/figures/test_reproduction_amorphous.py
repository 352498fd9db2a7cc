"""Published numbers of amorphous ices beside ours."""

import numpy as np
import pandas as pd

from icescope.figures.reproduction_amorphous import amorphous_reproduction

SETTINGS = {
    "protocol": {"cooling_rate": 100.0, "sampling": 3.0},
    "md": {"repeats": [3, 3, 3]},
    "trajectories": 3,
    "compression": {"rate": 20.0},
    "interface": {"relaxation": 50.0, "rate": 200.0},
}
ACCURACY = pd.DataFrame(
    [
        (model, descriptors, split, seed, value - 0.1 * (split == "trajectory") - 0.5 * (seed == "shuffled"))
        for model, descriptors, value in (("M2", "O", 0.99), ("M3", "O", 0.9), ("M3", "O,H", 0.92))
        for split in ("random", "trajectory")
        for seed in ("0", "1", "shuffled")
    ],
    columns=["model", "descriptors", "split", "seed", "accuracy"],
)
COMPONENTS = pd.DataFrame(
    {"model": ["O", "O"], "metric": ["PC1 variance", "other"], "published": [0.186, np.nan], "ours": [0.2, 0.1]}
)
COMPRESSION = pd.DataFrame(
    {
        "quantity": ["pressure of the largest IA fraction", "largest IA fraction"],
        "published": [0.69, np.nan],
        "ours": [1.2, 0.3],
        "unit": ["GPa", "1"],
        "relation": ["about", ""],
        "source": ["III.2.2", ""],
    }
)
INTERFACE = pd.DataFrame(
    [(model, state, side, 12.0, 11.0, 0.2) for model in ("O", "O,H") for state in ("relaxed", "as joined")
     for side in ("left", "mean")],
    columns=["model", "state", "side", "5-95", "integral", "unsure"],
)  # fmt: skip
PRESSED = pd.DataFrame(
    [(model, *state) for model in ("O", "O,H") for state in (
        (0.2, "compression", 0.0, 10.0), (0.6, "compression", 1.1, 10.4), (0.2, "decompression", 0.3, 10.0),
        (0.0, "decompression", -0.5, 9.0))],
    columns=["model", "pressure", "direction", "shift", "integral"],
)  # fmt: skip


def table(settings=SETTINGS):
    tables = ACCURACY, COMPONENTS, COMPRESSION, INTERFACE, PRESSED
    return amorphous_reproduction(*tables, settings, "demo").set_index("quantity")


def test_each_published_number_stands_beside_ours():
    rows = table()
    assert rows.index.is_unique
    assert rows.ours["accuracy of M3(O), random split"] == 0.9  # shuffled phases do not count
    assert np.isclose(rows.test["accuracy of M3(O), random split"], 0.8)
    assert rows.ours["pressure of the largest IA fraction"] == 1.2
    assert rows.ours["PC1 variance of M3(O)"] == 0.2
    assert rows.ours["5-95 % thickness by M2(O,H)"] == 12.0
    assert rows.ours["shift into LDA at 0.6 GPa by M2(O)"] == 1.1
    assert rows.ours["shift into LDA at 0.2 GPa on the way back by M2(O)"] == 0.3
    assert rows.ours["shift into LDA at 0 GPa on the way back by M2(O,H)"] == -0.5
    assert np.isclose(rows.ours["change of the integral thickness at 0.6 GPa by M2(O)"], 0.4)
    assert rows.published.notna().all() and (rows.scale == "demo").all() and (rows.why_they_differ != "").all()


def test_what_a_run_shares_with_the_paper_is_no_reason_to_differ():
    quick = table().why_they_differ
    assert "Relaxed for 50 ps, where the paper has 30,000." in quick["5-95 % thickness by M2(O)"]
    assert "Compressed at 200 GPa/ns, where the paper has 0.01." in quick["shift into LDA at 0.6 GPa by M2(O)"]
    largest = "pressure of the largest IA fraction"
    assert quick[largest] == (
        "Compressed at 20 GPa/ns, where the paper has 0.1. A cell of 432 molecules, where the paper has 2,880."
    )
    whole = {"compression": {"rate": 0.1}, "interface": {"relaxation": 3e4, "rate": 0.01}, "md": {"repeats": [5, 6, 6]}}
    assert table(SETTINGS | whole).why_they_differ[largest] == (
        "Compressed at 0.1 GPa/ns, as in the paper. A cell of 2,880 molecules, as in the paper."
    )
    assert table().source[largest].endswith("III.2.2 (published: about)")


def test_what_a_run_has_not_is_left_out():
    assert "accuracy of M2(O,H), random split" not in table().index
    assert "largest IA fraction" not in table().index
