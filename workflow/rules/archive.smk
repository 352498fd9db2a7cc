from icescope.archive import finished_files


rule archive:
    output:
        f"results/icescope_{config['run']}.zip",
    log:
        f"{RUN}/logs/archive.log",
    benchmark:
        f"{RUN}/benchmarks/archive.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        folder=RUN,
        # Times of change and no inputs: a change makes the archive again, and archiving never makes a result again.
        results=lambda wildcards: {name: Path(RUN, name).stat().st_mtime_ns for name in finished_files(RUN)},
        config=config,
        code=code("archive_results.py"),
    message:
        "The finished results of the run {params.folder} in one file"
    script:
        "../scripts/archive_results.py"
