rule interface_half:
    output:
        end=f"{RUN}/amorphous/interface/{{phase}}.extxyz",
        record=f"{RUN}/amorphous/interface/{{phase}}_record.csv",
    log:
        f"{RUN}/logs/interface_half/{{phase}}.log",
    benchmark:
        f"{RUN}/benchmarks/interface_half/{{phase}}.tsv"
    priority: 3
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        md=GIVEN_CELL_MD,
        protocol=lambda wildcards: protocol_of(wildcards.phase),
        interface={key: config["amorphous"]["interface"][key] for key in ("repeats", "pressure", "settle")},
        seed=lambda wildcards: derive_seed(config["seed"], "interface_half", wildcards.phase),
        checkpoints=f"{RUN}/checkpoints/interface_half/{{phase}}",
        code=code("interface_half.py"),
    message:
        "Molecular dynamics of the {wildcards.phase} of the interface"
    script:
        "../scripts/interface_half.py"


rule interface_relaxation:
    input:
        lda=f"{RUN}/amorphous/interface/LDA.extxyz",
        hda=f"{RUN}/amorphous/interface/HDA.extxyz",
    output:
        trajectory=f"{RUN}/amorphous/dynamics/interface/trajectory.xtc",
        topology=f"{RUN}/amorphous/dynamics/interface/topology.pdb",
        record=f"{RUN}/amorphous/dynamics/interface/record.csv",
    log:
        f"{RUN}/logs/interface_relaxation.log",
    benchmark:
        f"{RUN}/benchmarks/interface_relaxation.tsv"
    priority: 3
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=480,
    params:
        md=GIVEN_CELL_MD,
        interface={key: config["amorphous"]["interface"][key] for key in ("copies", "relaxation")},
        sampling=config["amorphous"]["protocol"]["sampling"],
        seed=derive_seed(config["seed"], "interface_relaxation"),
        checkpoints=f"{RUN}/checkpoints/interface_relaxation",
        code=code("interface_relaxation.py"),
    message:
        "Molecular dynamics of the interface LDA | HDA | LDA"
    script:
        "../scripts/interface_relaxation.py"


rule interface_compression:
    input:
        unpack(lambda wildcards: dynamics_of("interface")),
    output:
        trajectory=f"{RUN}/amorphous/dynamics/pressed/trajectory.xtc",
        topology=f"{RUN}/amorphous/dynamics/pressed/topology.pdb",
        record=f"{RUN}/amorphous/dynamics/pressed/record.csv",
    log:
        f"{RUN}/logs/interface_compression.log",
    benchmark:
        f"{RUN}/benchmarks/interface_compression.tsv"
    priority: 3
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=480,
    params:
        md=GIVEN_CELL_MD,
        interface={key: config["amorphous"]["interface"][key] for key in ("pressures", "rate")},
        protocol={key: config["amorphous"]["protocol"][key] for key in ("settle", "sampling")},
        seed=derive_seed(config["seed"], "interface_compression"),
        checkpoints=f"{RUN}/checkpoints/interface_compression",
        code=code("interface_compression.py"),
    message:
        "Molecular dynamics of the interface under pressure"
    script:
        "../scripts/interface_compression.py"


rule amorphous_fig7:
    input:
        interface=[phases_of("interface", "M2", one) for one in IN_TABLES],
        joined=[phases_of("joined", "M2", one) for one in IN_TABLES],
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig7.png",
            category="Amorphous ices",
            labels={"figure": "7: flat interface"},
            caption="../report/amorphous_fig7.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig7.csv",
    log:
        f"{RUN}/logs/amorphous_fig7.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig7.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        seed=derive_seed(config["seed"], "amorphous_fig7"),
        code=code("amorphous_fig7.py"),
    message:
        "Figure 7: profile of the flat interface"
    script:
        "../scripts/amorphous_fig7.py"


rule amorphous_fig8:
    input:
        unpack(lambda wildcards: dynamics_of("interface")),
        interface=[phases_of("interface", "M2", one) for one in IN_TABLES],
        environments=environments_of(MODELS["M3"]),
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig8.png",
            category="Amorphous ices",
            labels={"figure": "8: interface on principal components"},
            caption="../report/amorphous_fig8.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig8.csv",
    log:
        f"{RUN}/logs/amorphous_fig8.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig8.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        trajectories=config["amorphous"]["trajectories"],
        code=code("amorphous_fig8.py"),
    message:
        "Figure 8: layers of the interface on principal components"
    script:
        "../scripts/amorphous_fig8.py"


rule amorphous_fig9:
    input:
        pressed=[phases_of("pressed", "M2", one) for one in IN_TABLES],
        record=dynamics_of("pressed")["record"],
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig9.png",
            category="Amorphous ices",
            labels={"figure": "9: interface under pressure"},
            caption="../report/amorphous_fig9.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig9.csv",
    log:
        f"{RUN}/logs/amorphous_fig9.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig9.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        seed=derive_seed(config["seed"], "amorphous_fig9"),
        code=code("amorphous_fig9.py"),
    message:
        "Figure 9: the interface under pressure"
    script:
        "../scripts/amorphous_fig9.py"
