"""Figure: accuracy of the waters around and above the ion."""

import json

import torch

from icescope import storage
from icescope.figures.afm_around_above import around_above_table, draw_around_above
from icescope.figures.page import save_figure
from icescope.job import job
from icescope.learning.around_above import count_around_above
from icescope.learning.data import read_stacks
from icescope.learning.decoding import candidates, decode
from icescope.learning.evaluation import true_atoms

with job(snakemake.log[0], "afm_around_above"):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    with open(inputs.card, encoding="utf-8") as file:
        card = json.load(file)
    counts = {}
    for name, scored in params.sets.items():
        stacks = read_stacks(inputs[f"{scored}_stacks"])
        maps = storage.read(inputs[f"{scored}_predictions"], "predictions").predicted_map.values
        found = decode(candidates(torch.from_numpy(maps).float(), card["pixel_size"], card), card, rules=False)
        true = list(true_atoms(stacks, card["labels"]["pose_bound"]))
        counts[name] = count_around_above(found, true, card["labels"]["matching_radius"])
    table = around_above_table(counts)
    save_figure(draw_around_above(table), table, output.figure, output.table)
