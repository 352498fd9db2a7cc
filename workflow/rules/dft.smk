rule hydrates:
    output:
        f"{RUN}/hydrates/{{set}}/structures/{{shard}}.zarr.zip",
    log:
        f"{RUN}/logs/hydrates/{{set}}_{{shard}}.log",
    benchmark:
        f"{RUN}/benchmarks/hydrates/{{set}}_{{shard}}.tsv"
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        numbers=lambda wildcards: list(numbers_of(wildcards.set, int(wildcards.shard))),
        members=lambda wildcards: {
            key: value for key, value in config["hydrates"]["sets"][wildcards.set].items() if key != "count"
        },
        hydrates={key: config["hydrates"][key] for key in ("anneal_temperature", "anneal")},
        size=config["windows"]["size"],
        seed=lambda wildcards: derive_seed(config["seed"], "hydrates", wildcards.set),
        code=code("hydrates.py"),
    message:
        "Hydrates of the set {wildcards.set}, shard {wildcards.shard}"
    script:
        "../scripts/hydrates.py"


rule hydrate_potentials:
    input:
        rules.hydrates.output,
    output:
        f"{RUN}/hydrates/{{set}}/potentials/{{shard}}.zarr.zip",
    log:
        f"{RUN}/logs/hydrate_potentials/{{set}}_{{shard}}.log",
    benchmark:
        f"{RUN}/benchmarks/hydrate_potentials/{{set}}_{{shard}}.tsv"
    conda:
        "../../envs/dft.yaml"
    threads: 1  # two threads do not pay: as many jobs as there are cores
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        dft=config["dft"],
        checkpoints=f"{RUN}/checkpoints/hydrate_potentials/{{set}}_{{shard}}",
        code=code("hydrate_potentials.py"),
    message:
        "DFT potentials of the hydrates of the set {wildcards.set}, shard {wildcards.shard}"
    script:
        "../scripts/hydrate_potentials.py"


rule hydrate_stacks:
    input:
        structures=rules.hydrates.output[0],
        potentials=rules.hydrate_potentials.output[0],
    output:
        dft=f"{RUN}/hydrates/{{set}}/dft_stacks/{{shard}}.zarr.zip",
        charges=f"{RUN}/hydrates/{{set}}/charge_stacks/{{shard}}.zarr.zip",
    log:
        f"{RUN}/logs/hydrate_stacks/{{set}}_{{shard}}.log",
    benchmark:
        f"{RUN}/benchmarks/hydrate_stacks/{{set}}_{{shard}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=1,
    params:
        afm=ONE_STACK,
        code=code("hydrate_stacks.py"),
    message:
        "AFM stacks of the hydrates of the set {wildcards.set}, shard {wildcards.shard}"
    script:
        "../scripts/hydrate_stacks.py"


rule afm_hydrates:
    input:
        [path for set in HYDRATES for path in hydrate_stacks_of(set)],
    localrule: True


# Members of a set take its numbers of waters in turn; four are shown where there are some.
WATERS = HYDRATES["train"]["waters"][: HYDRATES["train"]["count"]]
SHOWN = WATERS.index(4) if 4 in WATERS else 0
SHARD_SHOWN = SHOWN // config["hydrates"]["shard_size"]


rule afm_dft_vs_charges:
    input:
        structures=f"{RUN}/hydrates/train/structures/{SHARD_SHOWN}.zarr.zip",
        potentials=f"{RUN}/hydrates/train/potentials/{SHARD_SHOWN}.zarr.zip",
    output:
        figure=report(
            f"{RUN}/figures/afm_dft_vs_charges.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "DFT against point charges"},
            caption="../report/afm_dft_vs_charges.rst",
        ),
        table=f"{RUN}/figures/afm_dft_vs_charges.csv",
    log:
        f"{RUN}/logs/afm_dft_vs_charges.log",
    benchmark:
        f"{RUN}/benchmarks/afm_dft_vs_charges.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        waters=WATERS[SHOWN],
        afm=ONE_STACK,
        code=code("afm_dft_vs_charges.py"),
    message:
        "Figure: potential, force and image of a hydrate from DFT and from point charges"
    script:
        "../scripts/afm_dft_vs_charges.py"
