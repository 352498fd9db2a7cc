rule reproduction:
    input:
        water=f"{RUN}/learning/{NETWORK}/weights.json",
        pt=f"{RUN}/learning/pt_retrained/weights.json",
        hydrates=f"{RUN}/learning/{HYDRATE_NETWORK}/weights.json",
        validation=f"{RUN}/learning/{NETWORK}/validation_accuracy.csv",
        random=f"{RUN}/learning/{NETWORK}/random_accuracy.csv",
        test=f"{RUN}/learning/{NETWORK}/test_accuracy.csv",
        pt_test=f"{RUN}/learning/{NETWORK}/pt_test_accuracy.csv",
        simple_hydrates=f"{RUN}/learning/{HYDRATE_NETWORK}/simple_hydrates_accuracy.csv",
        complex_hydrates=f"{RUN}/learning/{HYDRATE_NETWORK}/complex_hydrates_accuracy.csv",
        curves=rules.afm_fig4.output.table,
        phases=rules.amorphous_fig2.output.accuracy,
        components=rules.amorphous_table3.output.table,
        compression=rules.amorphous_fig4.output.summary,
        interface=rules.amorphous_fig7.output.table,
        pressed=rules.amorphous_fig9.output.table,
        surface=rules.premelting_phase_diagram.output.bounds,
    output:
        table=report(
            f"{RUN}/reproduction.html",
            category="Reproduction",
            labels={"table": "published numbers and ours"},
            caption="../report/reproduction.rst",
        ),
        csv=f"{RUN}/reproduction.csv",
    log:
        f"{RUN}/logs/reproduction.log",
    benchmark:
        f"{RUN}/benchmarks/reproduction.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        amorphous={
            key: config["amorphous"][key] for key in ("protocol", "md", "trajectories", "compression", "interface")
        },
        premelting={key: config["premelting"][key] for key in ("temperatures", "hold")},
        run=config["run"],
        code=code("reproduction.py"),
    message:
        "Published numbers beside ours"
    script:
        "../scripts/reproduction.py"
