rule ice_surface:
    output:
        trajectory=f"{RUN}/premelting/slab_{{number}}/trajectory.xtc",
        topology=f"{RUN}/premelting/slab_{{number}}/topology.pdb",
        record=f"{RUN}/premelting/slab_{{number}}/record.csv",
    log:
        f"{RUN}/logs/ice_surface/{{number}}.log",
    benchmark:
        f"{RUN}/benchmarks/ice_surface/{{number}}.tsv"
    priority: 2
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=120,
    params:
        surface={key: value for key, value in config["premelting"].items() if key != "slabs"},
        seed=lambda wildcards: derive_seed(config["seed"], "ice_surface", wildcards.number),
        checkpoints=f"{RUN}/checkpoints/ice_surface/{{number}}",
        code=code("ice_surface.py"),
    message:
        "Molecular dynamics of the surface of ice, slab {wildcards.number}"
    script:
        "../scripts/ice_surface.py"


rule surface_layers:
    input:
        trajectory=rules.ice_surface.output.trajectory,
        topology=rules.ice_surface.output.topology,
        record=rules.ice_surface.output.record,
    output:
        f"{RUN}/premelting/slab_{{number}}/layers.csv",
    log:
        f"{RUN}/logs/surface_layers/{{number}}.log",
    benchmark:
        f"{RUN}/benchmarks/surface_layers/{{number}}.tsv"
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        code=code("surface_layers.py"),
    message:
        "Order and mobility of the bilayers of slab {wildcards.number}"
    script:
        "../scripts/surface_layers.py"


rule premelting_phase_diagram:
    input:
        layers=[f"{RUN}/premelting/slab_{number}/layers.csv" for number in range(config["premelting"]["slabs"])],
        trajectory=f"{RUN}/premelting/slab_0/trajectory.xtc",
        topology=f"{RUN}/premelting/slab_0/topology.pdb",
        record=f"{RUN}/premelting/slab_0/record.csv",
    output:
        figure=report(
            f"{RUN}/figures/premelting_phase_diagram.png",
            category="Premelting",
            labels={"figure": "surface of ice over temperature"},
            caption="../report/premelting_phase_diagram.rst",
        ),
        table=f"{RUN}/figures/premelting_phase_diagram.csv",
        bounds=f"{RUN}/premelting/amorphous_layer.csv",
    log:
        f"{RUN}/logs/premelting_phase_diagram.log",
    benchmark:
        f"{RUN}/benchmarks/premelting_phase_diagram.tsv"
    conda:
        "../../envs/md.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=15,
    params:
        seed=derive_seed(config["seed"], "premelting_phase_diagram"),
        code=code("premelting_phase_diagram.py"),
    message:
        "Figure: state of the surface of ice over temperature"
    script:
        "../scripts/premelting_phase_diagram.py"


rule surface_reading:
    input:
        trajectory=rules.ice_surface.output.trajectory,
        topology=rules.ice_surface.output.topology,
        record=rules.ice_surface.output.record,
        weights=SHIPPED_WEIGHTS,
        card=SHIPPED_WEIGHTS.with_suffix(".json"),
    output:
        table=f"{RUN}/premelting/slab_{{number}}/reading.csv",
        structures=f"{RUN}/premelting/slab_{{number}}/reading.extxyz",
    log:
        f"{RUN}/logs/surface_reading/{{number}}.log",
    benchmark:
        f"{RUN}/benchmarks/surface_reading/{{number}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=1,
    params:
        code=code("surface_reading.py"),
    message:
        "Reading the faces of slab {wildcards.number} from simulated images"
    script:
        "../scripts/surface_reading.py"


rule premelting_reconstruction:
    input:
        tables=[f"{RUN}/premelting/slab_{number}/reading.csv" for number in range(config["premelting"]["slabs"])],
        structures=f"{RUN}/premelting/slab_0/reading.extxyz",
        card=SHIPPED_WEIGHTS.with_suffix(".json"),
    output:
        figure=report(
            f"{RUN}/figures/premelting_reconstruction.png",
            category="Premelting",
            labels={"figure": "surface of ice, read from images"},
            caption="../report/premelting_reconstruction.rst",
        ),
        table=f"{RUN}/figures/premelting_reconstruction.csv",
    log:
        f"{RUN}/logs/premelting_reconstruction.log",
    benchmark:
        f"{RUN}/benchmarks/premelting_reconstruction.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=15,
    params:
        code=code("premelting_reconstruction.py"),
    message:
        "Figure: surface of ice read from simulated images"
    script:
        "../scripts/premelting_reconstruction.py"
