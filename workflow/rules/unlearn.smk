# One rule per method, named by its id, so that `snakemake -R <id>` reruns it. The training rules make `original`.
# A retrained model waits for no other model and takes longest, so it starts first.
for name in runs.methods(config):
    if name == "original":
        continue

    rule:
        name:
            name
        input:
            **PREPARED,
            **unlearning_start(name),
        output:
            **unlearning_outputs(name),
        log:
            PATHS.log("unlearn", *unlearning_job(name)),
        priority: 80 if runs.method(config, name).family == "retrain" else 20
        threads: unlearning_processes(name)
        resources:
            gpu=GPU * unlearning_processes(name),
        params:
            **jobs.unlearning(config, name)._asdict(),
            weights=file_state(config["training"]["perceptual_weights"]),
            method=name,
            processes=unlearning_processes(name),
        script:
            "../scripts/unlearn.py"


del name  # a variable of the loop, not of the workflow
