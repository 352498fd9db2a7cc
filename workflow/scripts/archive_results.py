"""The finished results of the run in one zip file, with configuration, software and checksums."""

from icescope.archive import write_archive
from icescope.job import job

with job(snakemake.log[0], "archive"):
    write_archive(snakemake.params.folder, snakemake.params.config, snakemake.output[0])
