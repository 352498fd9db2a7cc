DEVICES, NODES = (config["training"][name] for name in ("devices", "nodes"))
# What a training gives does not depend on where it runs, so that it is not repeated elsewhere; what the first one starts
# from is an input of it, and tips are those of simulated images.
SIMULATED = config["training"]["images"] == "simulated"
LEFT_OUT = {"initial", "devices", "nodes"} | (set() if SIMULATED else {"tips"})
TRAINING = {key: value for key, value in config["training"].items() if key not in LEFT_OUT}
# With mpi a job of Slurm starts the script once, which then starts itself on all nodes.
ON_NODES = {"mpi": "srun", "tasks": NODES, "tasks_per_gpu": 0} if NODES > 1 else {}


rule train_network:
    input:
        train=(windows_of if SIMULATED else stacks_of)("train"),
        validation=stacks_of("validation"),
        initial=config["training"]["initial"] or [],
        initial_card=(
            str(Path(config["training"]["initial"]).with_suffix(".json")) if config["training"]["initial"] else []
        ),
    output:
        weights=f"{RUN}/learning/{{network}}/trained.safetensors",
        card=f"{RUN}/learning/{{network}}/trained.json",
        history=f"{RUN}/learning/{{network}}/history.csv",
    log:
        f"{RUN}/logs/train_network/{{network}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_network/{{network}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2 * DEVICES
    resources:
        **ON_NODES,
        mem_mb=2000 * DEVICES + 3 * (stacks_mb("train") + stacks_mb("validation")),
        runtime=60,
        gpu=DEVICES * NODES,
        devices=DEVICES,
        nodes=NODES,
    params:
        run=config["run"],
        metal=METAL,
        network=lambda wildcards: config["networks"][wildcards.network],
        training=TRAINING,
        labels=config["labels"],
        afm=ONE_STACK,
        seed=lambda wildcards: derive_seed(config["seed"], "train_network", wildcards.network),
        checkpoints=f"{RUN}/checkpoints/train_network/{{network}}",
        code=code("train_network.py"),
    message:
        "Training of the network {wildcards.network}"
    script:
        "../scripts/train_network.py"


rule validate_network:
    input:
        weights=rules.train_network.output.weights,
        card=rules.train_network.output.card,
        stacks=stacks_of("validation"),
    output:
        weights=f"{RUN}/learning/{{network}}/weights.safetensors",
        card=f"{RUN}/learning/{{network}}/weights.json",
        predictions=f"{RUN}/learning/{{network}}/validation_predictions.zarr.zip",
        accuracy=f"{RUN}/learning/{{network}}/validation_accuracy.csv",
        scores=f"{RUN}/learning/{{network}}/validation_scores.csv",
        radii=f"{RUN}/learning/{{network}}/validation_radii.csv",
    log:
        f"{RUN}/logs/validate_network/{{network}}.log",
    benchmark:
        f"{RUN}/benchmarks/validate_network/{{network}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2
    resources:
        mem_mb=2000 + 4 * stacks_mb("validation"),
        runtime=20,
        gpu=1,
    params:
        seed=derive_seed(config["seed"], "evaluation", "validation"),
        code=code("validate_network.py"),
    message:
        "Accuracy of the network {wildcards.network} on the validation windows, for the card of its weights"
    script:
        "../scripts/validate_network.py"


rule evaluate_network:
    input:
        weights=f"{RUN}/learning/{{trained}}/weights.safetensors",
        card=f"{RUN}/learning/{{trained}}/weights.json",
        stacks=lambda wildcards: scored_stacks(wildcards.scored),
    output:
        predictions=f"{RUN}/learning/{{trained}}/{{scored}}_predictions.zarr.zip",
        accuracy=f"{RUN}/learning/{{trained}}/{{scored}}_accuracy.csv",
        scores=f"{RUN}/learning/{{trained}}/{{scored}}_scores.csv",
        radii=f"{RUN}/learning/{{trained}}/{{scored}}_radii.csv",
    log:
        f"{RUN}/logs/evaluate_network/{{trained}}_{{scored}}.log",
    benchmark:
        f"{RUN}/benchmarks/evaluate_network/{{trained}}_{{scored}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2
    resources:
        mem_mb=2000 + 4 * stacks_mb("test"),
        runtime=20,
        gpu=1,
    params:
        any_cation=lambda wildcards: wildcards.scored == "potassium_hydrates",  # no network has learnt K+
        seed=lambda wildcards: derive_seed(config["seed"], "evaluation", wildcards.scored),
        code=code("evaluate_network.py"),
    message:
        "Predictions and accuracy of the network {wildcards.trained}: {wildcards.scored}"
    script:
        "../scripts/evaluate_network.py"


rule afm_fig2:
    input:
        **scored_by(NETWORK, "validation", "pt_test"),
    output:
        figure=report(
            f"{RUN}/figures/afm_fig2.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "2: predictions on interfacial water"},
            caption="../report/afm_fig2.rst",
        ),
        table=f"{RUN}/figures/afm_fig2.csv",
    log:
        f"{RUN}/logs/afm_fig2.log",
    benchmark:
        f"{RUN}/benchmarks/afm_fig2.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000 + 3 * (stacks_mb("validation") + stacks_mb("pt_test")),
        runtime=10,
    params:
        surfaces=dict(zip(SURFACES, ("validation", "pt_test"))),
        labels=config["labels"],
        code=code("afm_fig2.py"),
    message:
        "Figure 2: AFM images, labels, predictions"
    script:
        "../scripts/afm_fig2.py"


rule afm_confidence:
    input:
        weights=f"{RUN}/learning/{NETWORK}/weights.safetensors",
        card=f"{RUN}/learning/{NETWORK}/weights.json",
        stacks=stacks_of("test"),
        predictions=f"{RUN}/learning/{NETWORK}/test_predictions.zarr.zip",
    output:
        figure=report(
            f"{RUN}/figures/afm_confidence.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "confidence of predicted atoms"},
            caption="../report/afm_confidence.rst",
        ),
        table=f"{RUN}/figures/afm_confidence.csv",
    log:
        f"{RUN}/logs/afm_confidence.log",
    benchmark:
        f"{RUN}/benchmarks/afm_confidence.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000 + 3 * stacks_mb("test"),
        runtime=15,
    params:
        code=code("afm_confidence.py"),
    message:
        "Figure: reliability of the confidences of predicted atoms"
    script:
        "../scripts/afm_confidence.py"


rule afm_robustness:
    input:
        weights=f"{RUN}/learning/{NETWORK}/weights.safetensors",
        card=f"{RUN}/learning/{NETWORK}/weights.json",
        stacks=stacks_of("test"),
    output:
        figure=report(
            f"{RUN}/figures/afm_robustness.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "robustness against the instrument"},
            caption="../report/afm_robustness.rst",
        ),
        table=f"{RUN}/figures/afm_robustness.csv",
        breaks=f"{RUN}/figures/afm_robustness_breaks.csv",
    log:
        f"{RUN}/logs/afm_robustness.log",
    benchmark:
        f"{RUN}/benchmarks/afm_robustness.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1500 + 3 * stacks_mb("test"),
        runtime=30,
        gpu=1,
    params:
        # Discs take 0.2 s a window to find, peaks next to nothing; either way some two minutes on one core.
        windows=32 if config["networks"][NETWORK]["output"] == "peaks" else 8,
        afm=ONE_STACK,
        seed=derive_seed(config["seed"], "afm_robustness"),
        code=code("afm_robustness.py"),
    message:
        "Figure: accuracy on test windows against each effect of an instrument"
    script:
        "../scripts/afm_robustness.py"
