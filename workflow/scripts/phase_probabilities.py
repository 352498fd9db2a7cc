"""Probabilities of the phases of every molecule of a trajectory, as a store of kind "phases"."""

from icescope.amorphous.classification import classify
from icescope.amorphous.frames import water_frames
from icescope.amorphous.phase_weights import load_classifier
from icescope.job import job
from icescope.provenance import provenance
from icescope.storage import write

with job(snakemake.log[0], "phase_probabilities"):
    inputs = snakemake.input
    trained, card = load_classifier(inputs.weights)
    files = [inputs.topology] if snakemake.params.start else [inputs.trajectory, inputs.topology]
    origin = provenance(inputs=(*files, inputs.weights))
    write(classify(water_frames(*files), trained, card), snakemake.output[0], kind="phases", provenance=origin)
