# One job judges a method's models of one seed, for all its requests: starting a job costs more than judging a model.
RECORD = ["record.json", "outputs.npz", "metrics.csv", "latent.csv", "queries.csv"]


def compared(method, request, seed):
    """The outputs that a cell is compared with: the original's, and those of the retrained model if planned."""
    cell = runs.Run(method, request, int(seed))
    with_seed = {
        "original": None if method == "original" else cell.seed,
        "retrain": runs.retrain_seed(config, cell),
    }
    return {
        other: f"{record(other, request, against)}/outputs.npz"
        for other, against in with_seed.items()
        if against is not None
    }


for judged in sorted({cell.method for cell in RUNS}):
    asked = list(dict.fromkeys(cell.request for cell in RUNS if cell.method == judged))

    rule:
        name:
            f"evaluate_{judged}"
        input:
            OPENED,
            f"{DATA}/human.csv",
            models=lambda wildcards, judged=judged, asked=asked: [
                model(judged, request, wildcards.seed) for request in asked
            ],
            compared=lambda wildcards, judged=judged, asked=asked: [
                path for request in asked for path in compared(judged, request, wildcards.seed).values()
            ],
        output:
            expand(
                "{folder}/{file}",
                folder=[record(judged, request, "{seed}") for request in asked],
                file=RECORD,
            ),
        log:
            f"{RESULTS}/logs/evaluate/{judged}/seed{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/evaluate/{judged}/seed{{seed}}.tsv"
        priority: 90 if judged == "original" else 10
        resources:
            gpu=GPU,
        params:
            source=source_hash(
                "soulbench.evaluation.run",
                *[module_name("queries", query) for query in config["evaluation"]["queries"]],
            ),
            settings=settings(*MODELS, "unlearning.roi_margin", "human.labels", "evaluation"),
            data=DATA,
            method=judged,
            cases=lambda wildcards, judged=judged, asked=asked: [
                {
                    "request": request,
                    "model": model(judged, request, wildcards.seed),
                    "compared": compared(judged, request, wildcards.seed),
                    "out": record(judged, request, wildcards.seed),
                }
                for request in asked
            ],
        script:
            "../scripts/evaluate.py"
