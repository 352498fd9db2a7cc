"""LDA or HDA for the interface: made, and settled at the interface's pressure; LDA in a cell of HDA's cross-section."""

from icescope.amorphous.ices import prepare
from icescope.amorphous.sandwiches import settle, to_melt
from icescope.job import job, processors
from icescope.md.run import remove_checkpoints
from icescope.storage import whole_file

with job(snakemake.log[0], "interface_half"):
    params, output, phase = snakemake.params, snakemake.output, snakemake.wildcards.phase
    interface, repeats = params.interface, params.interface["repeats"]
    crystal = to_melt(repeats, params.seed) if phase == "LDA" else None
    states = settle(interface["pressure"], interface["settle"])
    md = params.md | {"repeats": repeats[phase]}
    _, finished = prepare(
        phase, md, params.protocol, states, params.seed, params.checkpoints, crystal, **processors(snakemake)
    )
    with whole_file(output.record) as partial:
        finished.record.to_csv(partial, index=False, float_format="%.7g")
    with whole_file(output.end) as partial:
        finished.atoms.write(partial, format="extxyz")
    remove_checkpoints(params.checkpoints)
