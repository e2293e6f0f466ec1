# One job judges one model for one request: all metrics, both tasks, latent distances, every query.


def compared(wildcards):
    """What a cell's model is compared with: the original's outputs, and those of the retrained model if planned."""
    cell = plan.Cell(wildcards.method, wildcards.request, int(wildcards.seed))
    files = {}
    if cell.method != "original":
        files["original"] = f"{record('original', cell.request, cell.seed)}/outputs.npz"
    seed = plan.oracle_seed(config, cell)
    if seed is not None:
        files["retrained"] = f"{record('retrain', cell.request, seed)}/outputs.npz"
    return files


rule evaluate:
    input:
        OPENED,
        f"{DATA}/human.csv",
        unpack(compared),
        model=lambda wildcards: model(**wildcards),
    output:
        f"{record('{method}', '{request}', '{seed}')}/record.json",
        f"{record('{method}', '{request}', '{seed}')}/outputs.npz",
        f"{record('{method}', '{request}', '{seed}')}/metrics.csv",
        f"{record('{method}', '{request}', '{seed}')}/latent.csv",
        f"{record('{method}', '{request}', '{seed}')}/leakage.csv",
    log:
        f"{RESULTS}/logs/evaluate/{{method}}/{{request}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate/{{method}}/{{request}}/seed{{seed}}.tsv"
    priority: lambda wildcards: 90 if wildcards.method == "original" else 10
    resources:
        gpu=GPU,
    params:
        source=source_hash(
            "soulbench.evaluation.run",
            *[module_name("attacks", attack) for attack in config["evaluation"]["attacks"]],
        ),
        settings=settings(*MODELS, "unlearning.roi_margin", "human.labels", "evaluation"),
        data=DATA,
    script:
        "../scripts/evaluate.py"
