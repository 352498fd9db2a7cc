rule afm_stacks:
    input:
        rules.film_windows.output,
    output:
        f"{RUN}/afm/{{film}}/{{shard}}.zarr.zip",
    log:
        f"{RUN}/logs/afm_stacks/{{film}}_{{shard}}.log",
    benchmark:
        f"{RUN}/benchmarks/afm_stacks/{{film}}_{{shard}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
        gpu=1,
    params:
        afm=config["afm"],
        shard=lambda wildcards: int(wildcards.shard),
        code=code("afm_stacks.py"),
    message:
        "AFM stacks of {wildcards.film}, shard {wildcards.shard}"
    script:
        "../scripts/afm_stacks.py"


rule random_stacks:
    input:
        unpack(trajectory_of),
    output:
        f"{RUN}/afm/{{film}}/random.zarr.zip",
    log:
        f"{RUN}/logs/random_stacks/{{film}}.log",
    benchmark:
        f"{RUN}/benchmarks/random_stacks/{{film}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
        gpu=1,
    params:
        windows=config["windows"] | {"per_trajectory": random_windows(config)},
        afm=ONE_STACK,
        seed=lambda wildcards: derive_seed(config["seed"], "random windows", wildcards.film),
        code=code("random_stacks.py"),
    message:
        "AFM stacks of windows of {wildcards.film} that are not trained on"
    script:
        "../scripts/random_stacks.py"


rule afm_windows:
    input:
        profiles=[f"{RUN}/films/{film}/profile.csv" for film in FILMS if FILMS[film]["metal"] == METAL],
        windows=windows_of("train"),
    output:
        figure=report(
            f"{RUN}/figures/afm_windows.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "films and windows"},
            caption="../report/afm_windows.rst",
        ),
        table=f"{RUN}/figures/afm_windows.csv",
    log:
        f"{RUN}/logs/afm_windows.log",
    benchmark:
        f"{RUN}/benchmarks/afm_windows.tsv"
    priority: 1  # a first figure to look at, while the rest runs
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        films={name: film for name, film in FILMS.items() if film["metal"] == METAL},
        labels=config["labels"],
        code=code("afm_windows.py"),
    message:
        "Figure: density profiles and windows of the films"
    script:
        "../scripts/afm_windows.py"


rule afm_heights:
    input:
        windows=windows_of("train")[:: ceil(len(windows_of("train")) / 6)],
    output:
        figure=report(
            f"{RUN}/figures/afm_heights.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "contrast against height"},
            caption="../report/afm_heights.rst",
        ),
        table=f"{RUN}/figures/afm_heights.csv",
    log:
        f"{RUN}/logs/afm_heights.log",
    benchmark:
        f"{RUN}/benchmarks/afm_heights.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        windows=2,  # of each film
        afm=ONE_STACK,
        code=code("afm_heights.py"),
    message:
        "Figure: contrast of AFM images against the height of the tip"
    script:
        "../scripts/afm_heights.py"
