rule train_unet:
    input:
        train=stacks_of("train"),
        validation=stacks_of("validation"),
    output:
        weights=f"{RUN}/learning/unet.safetensors",
        card=f"{RUN}/learning/unet.json",
        history=f"{RUN}/learning/history.csv",
    log:
        f"{RUN}/logs/train_unet.log",
    benchmark:
        f"{RUN}/benchmarks/train_unet.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2
    resources:
        mem_mb=2000 + 3 * (stacks_mb("train") + stacks_mb("validation")),
        runtime=60,
        gpu=1,
    params:
        run=config["run"],
        metal=config["films"]["metal"],
        network=config["network"],
        training=config["training"],
        labels=config["labels"],
        seed=derive_seed(config["seed"], "train_unet"),
        evaluation_seed=derive_seed(config["seed"], "evaluate_unet", "validation"),
        checkpoints=f"{RUN}/checkpoints/train_unet",
        code=code("train_unet.py"),
    message:
        "Training of the 3D U-Net"
    script:
        "../scripts/train_unet.py"


rule evaluate_unet:
    input:
        weights=rules.train_unet.output.weights,
        card=rules.train_unet.output.card,
        stacks=lambda wildcards: stacks_of(wildcards.split),
    output:
        predictions=f"{RUN}/learning/{{split}}_predictions.zarr.zip",
        accuracy=f"{RUN}/learning/{{split}}_accuracy.csv",
    log:
        f"{RUN}/logs/evaluate_unet/{{split}}.log",
    benchmark:
        f"{RUN}/benchmarks/evaluate_unet/{{split}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards: 2000 + 4 * stacks_mb(wildcards.split),
        runtime=20,
        gpu=1,
    params:
        labels=config["labels"],
        seed=lambda wildcards: derive_seed(config["seed"], "evaluate_unet", wildcards.split),
        code=code("evaluate_unet.py"),
    message:
        "Predictions and accuracy on the {wildcards.split} windows"
    script:
        "../scripts/evaluate_unet.py"


rule afm_fig2:
    input:
        stacks=stacks_of("validation"),
        predictions=f"{RUN}/learning/validation_predictions.zarr.zip",
        accuracy=f"{RUN}/learning/validation_accuracy.csv",
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
        mem_mb=1000 + 3 * stacks_mb("validation"),
        runtime=10,
    params:
        labels=config["labels"],
        code=code("afm_fig2.py"),
    message:
        "Figure 2: AFM images, labels, predictions"
    script:
        "../scripts/afm_fig2.py"
