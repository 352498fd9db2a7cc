"""Figure 4 of Shupletsova and Stegailov 2026: fractions of the phases under compression, and the nulls."""

import numpy as np
import pandas as pd

from icescope.amorphous.classification import uncalibrated
from icescope.amorphous.compression import (
    THRESHOLDS,
    compression_summary,
    compression_table,
    intermediate_peaks,
    likeliest_fractions,
)
from icescope.amorphous.environments import read_environments, split
from icescope.amorphous.frames import settings_at
from icescope.amorphous.nulls import mixture_null
from icescope.amorphous.phase_weights import load_classifier
from icescope.amorphous.phases import MODELS
from icescope.figures.amorphous_fig4 import draw_fig4
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.storage import read, whole_file

SHARES = np.linspace(0, 1, 21)

with job(snakemake.log[0], "amorphous_fig4"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    two, three = read(inputs.two, "phases"), read(inputs.three, "phases")
    pressures = settings_at(inputs.record, two.time.values).set_pressure_GPa.to_numpy()
    places = two.position.values, two.cell.values, pressures
    table = compression_table(two.probability.values, *places)
    before = compression_table(uncalibrated(two).probability.values, *places)
    calibration = {"calibrated": intermediate_peaks(table), "as trained": intermediate_peaks(before)}
    by_three = likeliest_fractions(three.probability.values, pressures, MODELS["M3"])
    trained, card = load_classifier(inputs.weights)
    environments = read_environments(inputs.environments, params.trajectories)
    unseen = split(environments, card["split"], card["seed"])["test"]
    descriptors, phase = environments.descriptors(card["descriptors"])[unseen], environments.phase[unseen]
    pure = [descriptors[phase == number] for number in range(len(MODELS["M2"]))]
    null = mixture_null(trained, *pure, SHARES, THRESHOLDS, params.seed)
    save_figure(draw_fig4(table, by_three, null), table, output.figure, output.table)
    tables = {
        output.summary: compression_summary(table, by_three),
        output.null: null,
        output.calibration: pd.concat(calibration, names=["probabilities"]).reset_index(),
    }
    for path, found in tables.items():
        with whole_file(path) as partial:
            found.to_csv(partial, index=False, float_format="%.6g")
