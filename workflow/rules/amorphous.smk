rule amorphous_ice:
    output:
        trajectory=f"{RUN}/amorphous/dynamics/{{phase}}_{{number}}/trajectory.xtc",
        topology=f"{RUN}/amorphous/dynamics/{{phase}}_{{number}}/topology.pdb",
        record=f"{RUN}/amorphous/dynamics/{{phase}}_{{number}}/record.csv",
    log:
        f"{RUN}/logs/amorphous_ice/{{phase}}_{{number}}.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_ice/{{phase}}_{{number}}.tsv"
    priority: 2
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=120,
    params:
        md=config["amorphous"]["md"],
        protocol=lambda wildcards: protocol_of(wildcards.phase, "settle", "sampling"),
        states=lambda wildcards: config["amorphous"]["states"][wildcards.phase],
        seed=lambda wildcards: derive_seed(config["seed"], "amorphous_ice", wildcards.phase, wildcards.number),
        checkpoints=f"{RUN}/checkpoints/amorphous_ice/{{phase}}_{{number}}",
        code=code("amorphous_ice.py"),
    message:
        "Molecular dynamics of {wildcards.phase}, trajectory {wildcards.number}"
    script:
        "../scripts/amorphous_ice.py"


rule environments:
    input:
        unpack(lambda wildcards: dynamics_of(f"{wildcards.phase}_{wildcards.number}")),
    output:
        f"{RUN}/amorphous/environments/{{phase}}_{{number}}.zarr.zip",
    log:
        f"{RUN}/logs/environments/{{phase}}_{{number}}.log",
    benchmark:
        f"{RUN}/benchmarks/environments/{{phase}}_{{number}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        molecules=config["amorphous"]["classifier"]["molecules"],
        seed=lambda wildcards: derive_seed(config["seed"], "environments", wildcards.phase, wildcards.number),
        code=code("environments.py"),
    message:
        "Descriptors of molecules of {wildcards.phase}, trajectory {wildcards.number}"
    script:
        "../scripts/environments.py"


rule phase_classifier:
    input:
        lambda wildcards: environments_of(MODELS[wildcards.model]),
    output:
        weights=f"{RUN}/amorphous/classifiers/{{model}}_{{descriptors}}_{{parts}}.safetensors",
        card=f"{RUN}/amorphous/classifiers/{{model}}_{{descriptors}}_{{parts}}.json",
        accuracy=f"{RUN}/amorphous/classifiers/{{model}}_{{descriptors}}_{{parts}}_accuracy.csv",
        confusion=f"{RUN}/amorphous/classifiers/{{model}}_{{descriptors}}_{{parts}}_confusion.csv",
    log:
        f"{RUN}/logs/phase_classifier/{{model}}_{{descriptors}}_{{parts}}.log",
    benchmark:
        f"{RUN}/benchmarks/phase_classifier/{{model}}_{{descriptors}}_{{parts}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=1,
    params:
        descriptors=lambda wildcards: DESCRIPTORS[wildcards.descriptors],
        run=config["run"],
        settings={
            key: value for key, value in config["amorphous"]["classifier"].items() if key != "importance_molecules"
        },
        trajectories=config["amorphous"]["trajectories"],
        seed=derive_seed(config["seed"], "phase_classifier"),
        code=code("phase_classifier.py"),
    message:
        "Classifiers {wildcards.model} ({wildcards.descriptors}), split by {wildcards.parts}"
    script:
        "../scripts/phase_classifier.py"


rule amorphous_fig2:
    input:
        confusions=[classifier("M3", one, "random", "_confusion.csv") for one in DESCRIPTORS],
        accuracies=[classifier(*one, "_accuracy.csv") for one in product(MODELS, DESCRIPTORS, PARTS)],
        environments=environments_of(MODELS["M3"]),
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig2.png",
            category="Amorphous ices",
            labels={"figure": "2: confusion of the phases"},
            caption="../report/amorphous_fig2.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig2.csv",
        accuracy=f"{RUN}/amorphous/accuracy.csv",
        baselines=f"{RUN}/amorphous/baselines.csv",
    log:
        f"{RUN}/logs/amorphous_fig2.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig2.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        descriptors=list(DESCRIPTORS.values()),
        trajectories=config["amorphous"]["trajectories"],
        seeds=config["amorphous"]["classifier"]["seeds"],
        seed=derive_seed(config["seed"], "phase_classifier"),
        code=code("amorphous_fig2.py"),
    message:
        "Figure 2: which phases are taken for one another"
    script:
        "../scripts/amorphous_fig2.py"


rule amorphous_table2:
    input:
        weights=[classifier("M3", one, "random") for one in IN_TABLES],
        cards=[classifier("M3", one, "random", ".json") for one in IN_TABLES],
        environments=environments_of(MODELS["M3"]),
    output:
        figure=report(
            f"{RUN}/figures/amorphous_table2.png",
            category="Amorphous ices",
            labels={"figure": "table 2: important features"},
            caption="../report/amorphous_table2.rst",
        ),
        table=f"{RUN}/figures/amorphous_table2.csv",
        ranks=f"{RUN}/figures/amorphous_table2_published.csv",
        groups=f"{RUN}/figures/amorphous_table2_groups.csv",
    log:
        f"{RUN}/logs/amorphous_table2.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_table2.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        molecules=config["amorphous"]["classifier"]["importance_molecules"],
        trajectories=config["amorphous"]["trajectories"],
        seed=derive_seed(config["seed"], "phase_classifier"),
        code=code("amorphous_table2.py"),
    message:
        "Table 2: features without which the phases are mistaken"
    script:
        "../scripts/amorphous_table2.py"


rule amorphous_fig3:
    input:
        environments_of(MODELS["M3"]),
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig3.png",
            category="Amorphous ices",
            labels={"figure": "3: principal components"},
            caption="../report/amorphous_fig3.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig3.csv",
    log:
        f"{RUN}/logs/amorphous_fig3.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig3.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        trajectories=config["amorphous"]["trajectories"],
        seed=derive_seed(config["seed"], "amorphous_fig3"),
        code=code("amorphous_fig3.py"),
    message:
        "Figure 3: principal components of the descriptors"
    script:
        "../scripts/amorphous_fig3.py"


rule amorphous_table3:
    input:
        environments_of(MODELS["M3"]),
    output:
        html=report(
            f"{RUN}/figures/amorphous_table3.html",
            category="Amorphous ices",
            labels={"figure": "table 3: principal components"},
            caption="../report/amorphous_table3.rst",
        ),
        table=f"{RUN}/figures/amorphous_table3.csv",
    log:
        f"{RUN}/logs/amorphous_table3.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_table3.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        trajectories=config["amorphous"]["trajectories"],
        code=code("amorphous_table3.py"),
    message:
        "Table 3: principal components, published and ours"
    script:
        "../scripts/amorphous_table3.py"


rule ice_compression:
    input:
        unpack(lambda wildcards: dynamics_of(f"LDA_{LAST}")),
    output:
        trajectory=f"{RUN}/amorphous/dynamics/compression/trajectory.xtc",
        topology=f"{RUN}/amorphous/dynamics/compression/topology.pdb",
        record=f"{RUN}/amorphous/dynamics/compression/record.csv",
    log:
        f"{RUN}/logs/ice_compression.log",
    benchmark:
        f"{RUN}/benchmarks/ice_compression.tsv"
    priority: 2
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=240,
    params:
        md=GIVEN_CELL_MD,
        compression=config["amorphous"]["compression"],
        settle=config["amorphous"]["protocol"]["settle"],
        seed=derive_seed(config["seed"], "ice_compression"),
        checkpoints=f"{RUN}/checkpoints/ice_compression",
        code=code("ice_compression.py"),
    message:
        "Molecular dynamics of LDA under compression"
    script:
        "../scripts/ice_compression.py"


rule phase_probabilities:
    input:
        unpack(lambda wildcards: dynamics_of(wildcards.dynamics)),
        weights=lambda wildcards: classifier(wildcards.model, wildcards.descriptors, "random"),
        card=lambda wildcards: classifier(wildcards.model, wildcards.descriptors, "random", ".json"),
    output:
        f"{RUN}/amorphous/phases/{{dynamics}}/{{model}}_{{descriptors}}.zarr.zip",
    log:
        f"{RUN}/logs/phase_probabilities/{{dynamics}}/{{model}}_{{descriptors}}.log",
    benchmark:
        f"{RUN}/benchmarks/phase_probabilities/{{dynamics}}/{{model}}_{{descriptors}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        start=lambda wildcards: wildcards.dynamics == "joined",
        code=code("phase_probabilities.py"),
    message:
        "Phases of the molecules of {wildcards.dynamics} by {wildcards.model} ({wildcards.descriptors})"
    script:
        "../scripts/phase_probabilities.py"


rule amorphous_fig4:
    input:
        two=phases_of("compression", "M2", "OH"),
        three=phases_of("compression", "M3", "OH"),
        record=dynamics_of("compression")["record"],
        weights=classifier("M2", "OH", "random"),
        card=classifier("M2", "OH", "random", ".json"),
        environments=environments_of(MODELS["M2"]),
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig4.png",
            category="Amorphous ices",
            labels={"figure": "4: phases under compression"},
            caption="../report/amorphous_fig4.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig4.csv",
        summary=f"{RUN}/amorphous/compression_summary.csv",
        null=f"{RUN}/amorphous/mixture_null.csv",
        calibration=f"{RUN}/amorphous/compression_calibration.csv",
    log:
        f"{RUN}/logs/amorphous_fig4.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig4.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        trajectories=config["amorphous"]["trajectories"],
        seed=derive_seed(config["seed"], "amorphous_fig4"),
        code=code("amorphous_fig4.py"),
    message:
        "Figure 4: fractions of the phases under compression"
    script:
        "../scripts/amorphous_fig4.py"


rule amorphous_fig5:
    input:
        two=phases_of("compression", "M2", "OH"),
        fractions=rules.amorphous_fig4.output.table,
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig5.png",
            category="Amorphous ices",
            labels={"figure": "5: slices under compression"},
            caption="../report/amorphous_fig5.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig5.csv",
    log:
        f"{RUN}/logs/amorphous_fig5.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig5.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("amorphous_fig5.py"),
    message:
        "Figure 5: slices of the cell under compression"
    script:
        "../scripts/amorphous_fig5.py"


rule amorphous_fig6:
    input:
        rules.amorphous_fig4.output.table,
    output:
        figure=report(
            f"{RUN}/figures/amorphous_fig6.png",
            category="Amorphous ices",
            labels={"figure": "6: clusters under compression"},
            caption="../report/amorphous_fig6.rst",
        ),
        table=f"{RUN}/figures/amorphous_fig6.csv",
    log:
        f"{RUN}/logs/amorphous_fig6.log",
    benchmark:
        f"{RUN}/benchmarks/amorphous_fig6.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("amorphous_fig6.py"),
    message:
        "Figure 6: clusters under compression"
    script:
        "../scripts/amorphous_fig6.py"
