# Training again takes stored images, and its length from `transfer`; a network that starts from nothing takes the steps
# of `training`, as any other.
RETRAINING_SETTINGS = {key: value for key, value in TRAINING.items() if key not in ("epochs", "images", "tips")}
FROM_WEIGHTS = {"learning_rate": config["transfer"]["learning_rate"]}


rule retrain_network:
    input:
        weights=lambda wildcards: pretrained(wildcards.derived, ".safetensors"),
        card=lambda wildcards: pretrained(wildcards.derived, ".json"),
        train=lambda wildcards: training_stacks(wildcards.derived),
        validation=lambda wildcards: scored_stacks(DERIVED[wildcards.derived]["validated"]),
    output:
        weights=f"{RUN}/learning/{{derived}}/weights.safetensors",
        card=f"{RUN}/learning/{{derived}}/weights.json",
        history=f"{RUN}/learning/{{derived}}/history.csv",
        accuracy=f"{RUN}/learning/{{derived}}/accuracy_by_seed.csv",
    log:
        f"{RUN}/logs/retrain_network/{{derived}}.log",
    benchmark:
        f"{RUN}/benchmarks/retrain_network/{{derived}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1  # small batches; there are as many jobs as points of figure 4
    resources:
        mem_mb=2000 + 3 * (stacks_mb("pt_train") + stacks_mb("validation")),
        runtime=60,
        gpu=1,
    params:
        run=config["run"],
        network=config["networks"][NETWORK],
        training=lambda wildcards: (
            RETRAINING_SETTINGS | (FROM_WEIGHTS if DERIVED[wildcards.derived]["pretrained"] else {})
        ),
        labels=config["labels"],
        samples=lambda wildcards: DERIVED[wildcards.derived]["samples"],
        epochs=lambda wildcards: DERIVED[wildcards.derived]["epochs"],
        seeds=lambda wildcards: seeds_of(wildcards.derived),
        scoring_seed=lambda wildcards: derive_seed(
            config["seed"], "evaluation", DERIVED[wildcards.derived]["validated"]
        ),
        checkpoints=f"{RUN}/checkpoints/retrain_network/{{derived}}",
        code=code("retrain_network.py"),
    message:
        "Trainings of the network {wildcards.derived}"
    script:
        "../scripts/retrain_network.py"


rule afm_fig3:
    input:
        **scored_by(HYDRATE_NETWORK, *HYDRATE_SETS.values()),
    output:
        figure=report(
            f"{RUN}/figures/afm_fig3.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "3: predictions on hydrates"},
            caption="../report/afm_fig3.rst",
        ),
        table=f"{RUN}/figures/afm_fig3.csv",
    log:
        f"{RUN}/logs/afm_fig3.log",
    benchmark:
        f"{RUN}/benchmarks/afm_fig3.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        labels=config["labels"],
        sets=HYDRATE_SETS,
        code=code("afm_fig3.py"),
    message:
        "Figure 3: AFM images, labels, predictions of hydrates"
    script:
        "../scripts/afm_fig3.py"


rule afm_fig4:
    input:
        accuracy=[f"{RUN}/learning/{name}/accuracy_by_seed.csv" for name, _ in learning_curve_networks()],
    output:
        figure=report(
            f"{RUN}/figures/afm_fig4.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "4: with and without pretraining"},
            caption="../report/afm_fig4.rst",
        ),
        table=f"{RUN}/figures/afm_fig4.csv",
    log:
        f"{RUN}/logs/afm_fig4.log",
    benchmark:
        f"{RUN}/benchmarks/afm_fig4.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        networks=[network for _, network in learning_curve_networks()],
        code=code("afm_fig4.py"),
    message:
        "Figure 4: accuracy against the number of hydrates learnt from"
    script:
        "../scripts/afm_fig4.py"


rule afm_around_above:
    input:
        **scored_by(HYDRATE_NETWORK, *HYDRATE_SETS.values()),
        card=f"{RUN}/learning/{HYDRATE_NETWORK}/weights.json",
    output:
        figure=report(
            f"{RUN}/figures/afm_around_above.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "waters around and above the ion"},
            caption="../report/afm_around_above.rst",
        ),
        table=f"{RUN}/figures/afm_around_above.csv",
    log:
        f"{RUN}/logs/afm_around_above.log",
    benchmark:
        f"{RUN}/benchmarks/afm_around_above.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        sets=HYDRATE_SETS,
        code=code("afm_around_above.py"),
    message:
        "Figure: accuracy of waters around and above the ion"
    script:
        "../scripts/afm_around_above.py"


rule afm_pt_retraining:
    input:
        accuracy=[f"{RUN}/learning/{name}/{scored}_accuracy.csv" for name, scored in RETRAINING.values()],
        scores=[f"{RUN}/learning/{name}/{scored}_scores.csv" for name, scored in RETRAINING.values()],
    output:
        figure=report(
            f"{RUN}/figures/afm_pt_retraining.png",
            category="Ionic hydrates by AFM",
            labels={"figure": "water on Pt before and after retraining"},
            caption="../report/afm_pt_retraining.rst",
        ),
        table=f"{RUN}/figures/afm_pt_retraining.csv",
    log:
        f"{RUN}/logs/afm_pt_retraining.log",
    benchmark:
        f"{RUN}/benchmarks/afm_pt_retraining.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        pairs=list(RETRAINING),
        code=code("afm_pt_retraining.py"),
    message:
        "Figure: accuracy on Pt before and after training again"
    script:
        "../scripts/afm_pt_retraining.py"
