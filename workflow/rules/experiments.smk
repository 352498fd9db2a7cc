rule check_experiment:
    input:
        images=lambda wildcards: sorted(
            str(file) for file in Path(EXPERIMENTS[wildcards.experiment]).glob("*") if file.is_file()
        ),
    output:
        table=f"{RUN}/experiments/{{experiment}}/stack.csv",
    log:
        f"{RUN}/logs/check_experiment/{{experiment}}.log",
    benchmark:
        f"{RUN}/benchmarks/check_experiment/{{experiment}}.tsv"
    priority: 3  # before all else: a folder that cannot be used is told of within seconds
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        folder=lambda wildcards: EXPERIMENTS[wildcards.experiment],
        heights=config["networks"][NETWORK]["heights"],
        code=code("check_experiment.py"),
    message:
        "Check of the measured stack {wildcards.experiment}"
    script:
        "../scripts/check_experiment.py"


rule predict_experiment:
    input:
        weights=f"{RUN}/learning/{NETWORK}/weights.safetensors",
        card=f"{RUN}/learning/{NETWORK}/weights.json",
        images=rules.check_experiment.input.images,
        checked=rules.check_experiment.output.table,
    output:
        structure=f"{RUN}/experiments/{{experiment}}/structure.xyz",
        map=report(
            f"{RUN}/experiments/{{experiment}}/map.png",
            category="Measured images",
            labels={"experiment": "{experiment}"},
            caption="../report/experiment.rst",
        ),
        report=f"{RUN}/experiments/{{experiment}}/report.md",
    log:
        f"{RUN}/logs/predict_experiment/{{experiment}}.log",
    benchmark:
        f"{RUN}/benchmarks/predict_experiment/{{experiment}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=1,
    params:
        folder=lambda wildcards: EXPERIMENTS[wildcards.experiment],
        code=code("predict_experiment.py"),
    message:
        "Structure of the measured stack {wildcards.experiment}"
    script:
        "../scripts/predict_experiment.py"


rule experiments:
    input:
        [f"{RUN}/experiments/{name}/structure.xyz" for name in EXPERIMENTS],
    localrule: True


rule example_stack:
    input:
        stacks=stacks_of("test")[0],
    output:
        folder=directory(f"{RUN}/example_stack"),
    log:
        f"{RUN}/logs/example_stack.log",
    benchmark:
        f"{RUN}/benchmarks/example_stack.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        sample=0,
        pose_bound=config["labels"]["pose_bound"],
        seed=derive_seed(config["seed"], "example_stack"),
        code=code("example_stack.py"),
    message:
        "A simulated stack with noise and drift, as in config/example_stack"
    script:
        "../scripts/example_stack.py"
