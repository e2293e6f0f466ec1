# Every record in, tidy tables out.
TABLES = {
    name: f"{RESULTS}/tables/{name}.csv"
    for name in (
        *("summary", "scoreboard", "metrics", "latent", "queries", "timing", "timing_jobs"),
        *("ablation_modules", "ablation_alpha", "contrasts", "sod", "memorised"),
    )
}


def records():
    """Every file that the tables are gathered from; a missing one is made, or stops the workflow and is named."""
    for cell in RUNS:
        for name in ("record.json", "metrics.csv", "latent.csv", "queries.csv"):
            yield f"{record(*cell)}/{name}"
        # A model's own record has its cost; a reseeded original's stands under its own seed.
        if cell.method != RESEED:
            yield model(*cell).replace(".safetensors", ".json")
    for request, seed in runs.ablation_runs(config):
        for ablation in ("modules", "alpha"):
            yield f"{RESULTS}/ablations/{ablation}/{request}/seed{seed}.csv"


rule tables:
    input:
        sorted(set(records())),
        f"{DATA}/requests.csv",
        [f"{RESULTS}/models/pretrained/seed{seed}.json" for seed in config["seeds"]],
    output:
        **{
            name: report(path, caption="../report/tables.rst", category="Tables")
            for name, path in TABLES.items()
        },
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables.tsv"
    params:
        source=source_hash("soulbench.analysis.tables"),
        settings=settings(*all_but_report()),
        results=RESULTS,
        cells=[cell._asdict() for cell in RUNS],
        folder=f"{RESULTS}/tables",
    script:
        "../scripts/tables.py"


rule claims:
    input:
        **TABLES,
    output:
        report(f"{RESULTS}/tables/claims.csv", caption="../report/tables.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/claims.log",
    params:
        source=source_hash("soulbench.analysis.claims.verdicts"),
        settings=settings(*all_but_report()),
        tables=f"{RESULTS}/tables",
    script:
        "../scripts/claims.py"
