"""Classifiers of one kind with all seeds: the weights of the first, how right all are, and their confusions."""

import torch

from icescope.amorphous.assessment import assess_classifiers
from icescope.amorphous.environments import read_environments
from icescope.amorphous.phase_weights import save_classifier
from icescope.job import job
from icescope.provenance import provenance
from icescope.storage import whole_file

with job(snakemake.log[0], "phase_classifier"):
    params, output, wildcards = snakemake.params, snakemake.output, snakemake.wildcards
    torch.set_num_threads(snakemake.threads)
    environments = read_environments(snakemake.input, params.trajectories)
    trained, card, accuracy, counts = assess_classifiers(
        environments, wildcards.model, params.descriptors, wildcards.parts, params.settings, params.seed
    )
    origin = provenance(params.settings, params.seed, tuple(snakemake.input))
    save_classifier(trained, origin | {"scale": params.run} | card, output.weights)
    for table, path in ((accuracy.set_index("seed"), output.accuracy), (counts, output.confusion)):
        with whole_file(path) as partial:
            table.to_csv(partial, float_format="%.6g")
