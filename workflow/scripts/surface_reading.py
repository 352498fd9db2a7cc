"""The outermost bilayers of a slab of ice, read from simulated AFM images."""

import ase.io
import torch

from icescope.job import job
from icescope.learning.surface_reading import read_faces
from icescope.learning.weights import load_weights
from icescope.storage import whole_file

with job(snakemake.log[0], "surface_reading"):
    inputs, output = snakemake.input, snakemake.output
    torch.set_num_threads(snakemake.threads)
    network, card = load_weights(inputs.weights)
    files = inputs.trajectory, inputs.topology, inputs.record
    table, structures = read_faces(*files, network, card)
    with whole_file(output.structures) as partial:
        ase.io.write(partial, structures, format="extxyz")
    with whole_file(output.table) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")
