# One rule a method, named by its id, so that `snakemake -R <id>` reruns it. `original` is made by the training.
# A retrained model reads neither the original nor the pre-trained one, and takes longest: it starts first.
for method in plan.methods(config):
    if method == "original":
        continue
    code = plan.method(config, method)
    cell = "/".join([method, "{request}" if code.per_request else plan.ANY, "seed{seed}"])
    begins = {} if code.family == "retrain" else {"original": original("{seed}")}
    if begins and config["unlearning"]["start"] == "pretrained":
        begins["pretrained"] = f"{RESULTS}/models/pretrained/seed{{seed}}.safetensors"

    rule:
        name:
            method
        input:
            OPENED,
            **begins,
        output:
            model=f"{RESULTS}/unlearned/{cell}/model.safetensors",
            record=f"{RESULTS}/unlearned/{cell}/model.json",
        log:
            f"{RESULTS}/logs/unlearn/{cell}.log",
        benchmark:
            f"{RESULTS}/benchmarks/unlearn/{cell}.tsv"
        priority: 80 if code.family == "retrain" else 20
        resources:
            gpu=GPU,
        params:
            source=source_hash("soulbench.training.unlearn", code.module),
            settings=settings(*MODELS, "unlearning", f"methods.{method}"),
            data=DATA,
            method=method,
        script:
            "../scripts/unlearn.py"
