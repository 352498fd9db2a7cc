"""Figure: potential, force and image of one hydrate from point charges and from DFT, and the difference."""

from icescope import storage
from icescope.afm.hydrate_stacks import compare_electrostatics, usable, with_waters
from icescope.figures.afm_dft_vs_charges import draw_comparison
from icescope.figures.page import save_figure
from icescope.job import job

with job(snakemake.log[0], "afm_dft_vs_charges"):
    inputs, params = snakemake.input, snakemake.params
    structures = storage.read(inputs.structures, "hydrates")
    potentials = storage.read(inputs.potentials, "hydrate_potentials")
    sample = with_waters(usable(structures, potentials)[0], params.waters)
    compared = {
        multipole: compare_electrostatics(
            structures, potentials, sample, params.afm | {"tip": params.afm["tip"] | {"multipole": multipole}}
        )
        for multipole in ("monopole", "dz2")
    }
    figure, table = draw_comparison(compared, params.afm)
    save_figure(figure, table, snakemake.output.figure, snakemake.output.table)
