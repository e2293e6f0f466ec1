# One rule a method, named by its id, so that `snakemake -R <id>` reruns it. `original` is made by the training.
# A retrained model reads neither the original nor the pre-trained one, and takes longest: it starts first.
for method in runs.methods(config):
    if method == "original":
        continue
    code = runs.method(config, method)
    cell = "/".join([method, "{request}" if code.per_request else ALL_REQUESTS, "seed{seed}"])
    begins = {} if code.family == "retrain" else {"original": original("{seed}")}
    if begins and config["unlearning"]["start"] == "pretrained":
        begins["pretrained"] = f"{RESULTS}/models/pretrained/seed{{seed}}.safetensors"

    # A redaction is one step: there is nothing to monitor.
    stem = f"{RESULTS}/unlearned/{cell}/model"
    watched = (
        {}
        if code.family == "redaction"
        else {"curves": f"{stem}.curves.csv", "snapshots": f"{stem}.snapshots.npz"}
    )
    processes = PROCESSES if code.family == "retrain" else 1

    rule:
        name:
            method
        input:
            OPENED,
            **begins,
        output:
            **watched,
            model=f"{RESULTS}/unlearned/{cell}/model.safetensors",
            record=f"{RESULTS}/unlearned/{cell}/model.json",
        log:
            f"{RESULTS}/logs/unlearn/{cell}.log",
        benchmark:
            f"{RESULTS}/benchmarks/unlearn/{cell}.tsv"
        priority: 80 if code.family == "retrain" else 20
        threads: processes
        resources:
            gpu=GPU * processes,
        params:
            source=source_hash("soulbench.unlearning.run", code.module),
            settings=settings(*MODELS, "unlearning", f"methods.{method}"),
            data=DATA,
            method=method,
            processes=processes,
        script:
            "../scripts/unlearn.py"
