"""Check one measured stack before anything long runs: its images and what is in them, as stack.csv."""

from icescope.afm.measured import read_stack
from icescope.job import job
from icescope.learning.experiment import check_stack
from icescope.learning.experiment_report import image_table, read_truth
from icescope.storage import whole_file

with job(snakemake.log[0], "check_experiment"):
    stack = read_stack(snakemake.params.folder)
    check_stack(stack, snakemake.params.heights)
    read_truth(snakemake.params.folder)
    with whole_file(snakemake.output.table) as partial:
        image_table(stack).to_csv(partial, index=False, float_format="%.6g")
