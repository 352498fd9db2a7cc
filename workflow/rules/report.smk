rule reproduction:
    input:
        card=f"{RUN}/learning/{NETWORK}/weights.json",
        validation=f"{RUN}/learning/{NETWORK}/validation_accuracy.csv",
        test=f"{RUN}/learning/{NETWORK}/test_accuracy.csv",
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
        code=code("reproduction.py"),
    message:
        "Published numbers beside ours"
    script:
        "../scripts/reproduction.py"
