from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/md.smk"
include: "workflow/rules/afm.smk"
include: "workflow/rules/dft.smk"
include: "workflow/rules/learning.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/amorphous.smk"
include: "workflow/rules/interface.smk"
include: "workflow/rules/premelting.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/archive.smk"


rule all:
    default_target: True
    input:
        [f"{RUN}/films/{film}/record.png" for film in FILMS],
        rules.afm_windows.output.figure,
        rules.afm_heights.output.figure,
        rules.afm_fig2.output.figure,
        rules.afm_confidence.output.figure,
        rules.afm_robustness.output.figure,
        rules.afm_fig3.output.figure,
        rules.afm_fig4.output.figure,
        rules.afm_around_above.output.figure,
        rules.afm_pt_retraining.output.figure,
        rules.afm_hydrates.input,
        rules.afm_dft_vs_charges.output.figure,
        rules.experiments.input,
        rules.amorphous_fig2.output.figure,
        rules.amorphous_table2.output.figure,
        rules.amorphous_fig3.output.figure,
        rules.amorphous_table3.output.table,
        rules.amorphous_fig4.output.figure,
        rules.amorphous_fig5.output.figure,
        rules.amorphous_fig6.output.figure,
        rules.amorphous_fig7.output.figure,
        rules.amorphous_fig8.output.figure,
        rules.amorphous_fig9.output.figure,
        rules.premelting_phase_diagram.output.figure,
        rules.premelting_reconstruction.output.figure,
        rules.reproduction.output.table,
    localrule: True


onsuccess:
    print_results()
