rule film_trajectory:
    output:
        trajectory=f"{RUN}/films/{{film}}/trajectory.xtc",
        topology=f"{RUN}/films/{{film}}/topology.pdb",
        record=f"{RUN}/films/{{film}}/record.csv",
        profile=f"{RUN}/films/{{film}}/profile.csv",
    log:
        f"{RUN}/logs/film_trajectory/{{film}}.log",
    benchmark:
        f"{RUN}/benchmarks/film_trajectory/{{film}}.tsv"
    priority: 2  # the longest jobs, on which all else waits
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        films=lambda wildcards: {
            "metal": FILMS[wildcards.film]["metal"],
            **{key: config["films"][key] for key in ("repeats", "layers", "vapour")},
        },
        md=config["md"],
        temperature=lambda wildcards: FILMS[wildcards.film]["temperature"],
        coverage=lambda wildcards: FILMS[wildcards.film]["coverage"],
        seed=lambda wildcards: derive_seed(config["seed"], "film", wildcards.film),
        checkpoints=f"{RUN}/checkpoints/films/{{film}}",
        code=code("film_trajectory.py"),
    message:
        "Molecular dynamics of the water film {wildcards.film}"
    script:
        "../scripts/film_trajectory.py"


rule film_record:
    input:
        rules.film_trajectory.output.record,
    output:
        f"{RUN}/films/{{film}}/record.png",
    log:
        f"{RUN}/logs/film_record/{{film}}.log",
    benchmark:
        f"{RUN}/benchmarks/film_record/{{film}}.tsv"
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        engine=config["md"]["engine"],
        code=code("film_record.py"),
    message:
        "Figure: run of the water film {wildcards.film} over time"
    script:
        "../scripts/film_record.py"


rule film_windows:
    input:
        unpack(trajectory_of),
    output:
        f"{RUN}/films/{{film}}/windows.zarr.zip",
    log:
        f"{RUN}/logs/film_windows/{{film}}.log",
    benchmark:
        f"{RUN}/benchmarks/film_windows/{{film}}.tsv"
    priority: 1
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        windows=config["windows"],
        seed=lambda wildcards: derive_seed(config["seed"], "windows", wildcards.film),
        code=code("film_windows.py"),
    message:
        "Windows of {wildcards.film}"
    script:
        "../scripts/film_windows.py"
