"""One water film: build it, run it, and write its trajectory, topology, record and density profile."""

from icescope.job import job, processors
from icescope.md.film_run import run_film
from icescope.md.profile import density_profile
from icescope.md.run import remove_checkpoints
from icescope.storage import whole_file
from icescope.structures.film import water_film

with job(snakemake.log[0], "film_trajectory"):
    params, output = snakemake.params, snakemake.output
    film = water_film(**params.films, coverage=params.coverage, seed=params.seed)
    run_film(
        film,
        params.temperature,
        params.md,
        params.seed,
        checkpoint_dir=params.checkpoints,
        trajectory_path=output.trajectory,
        topology_path=output.topology,
        record_path=output.record,
        **processors(snakemake),
    )
    profile = density_profile(output.topology, output.trajectory)
    with whole_file(output.profile) as partial:
        profile.to_csv(partial, index=False, float_format="%.6g")
    remove_checkpoints(params.checkpoints)  # only now, with every output whole
