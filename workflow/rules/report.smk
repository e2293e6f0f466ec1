# The figures, one rule each, and the page that holds them.
from pathlib import Path

ABLATED = ["module_time", "alpha", "modules"] if runs.ablation_runs(config) else []
FIGURES = [
    "tradeoff",
    "metrics",
    "pictures",
    "pictures_more",
    "latent",
    "queries",
    "query_pictures",
    *ABLATED,
    "training",
    "snapshots",
]
READ = {
    "pictures": [f"{record(*cell)}/outputs.npz" for cell in RUNS],
    "pictures_more": [f"{record(*cell)}/outputs.npz" for cell in RUNS],
    "query_pictures": [f"{record(*cell)}/outputs.npz" for cell in RUNS],
    "alpha": [
        f"{RESULTS}/ablations/alpha/{request}/seed{seed}.npz" for request, seed in runs.ablation_runs(config)
    ],
    "modules": [
        f"{RESULTS}/ablations/modules/{request}/seed{seed}.npz"
        for request, seed in runs.ablation_runs(config)
    ],
    "training": [path for seed in config["seeds"] for path in learned(seed, "curves.csv")],
    "snapshots": [
        *learned(config["seeds"][0], "snapshots.npz"),
        *unlearned(config["seeds"][0], "snapshots.npz"),
    ],
}

for figure in FIGURES:

    rule:
        name:
            f"figure_{figure}"
        input:
            TABLES.values(),
            f"{DATA}/packed",
            f"{DATA}/requests.csv",
            READ.get(figure, []),
        output:
            report(
                f"{RESULTS}/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="Figures",
            ),
            f"{RESULTS}/figures/{figure}.svg",
        log:
            f"{RESULTS}/logs/figures/{figure}.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/{figure}.tsv"
        params:
            source=source_hash(f"soulbench.figures.{figure}"),
            settings=settings(*all_but_report(), "report.example_requests"),
            results=RESULTS,
            figure=figure,
        script:
            "../scripts/figure.py"


rule page:
    input:
        TABLES.values(),
        f"{RESULTS}/tables/claims.csv",
        f"{DATA}/summary.json",
        f"{DATA}/human.csv",
        OPENED,
        [f"{record(*cell)}/record.json" for cell in RUNS],
        expand("{results}/figures/{figure}.{kind}", results=RESULTS, figure=FIGURES, kind=["png", "svg"]),
    output:
        f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/page.log",
    params:
        source=source_hash("soulbench.report.page"),
        settings=settings(*config),
        captions=[
            path.read_text() for path in sorted(Path(workflow.basedir, "workflow", "report").glob("*.rst"))
        ],
        results=RESULTS,
    script:
        "../scripts/page.py"
