# The figures, one rule each, and the page that holds them.
from pathlib import Path

ABLATED = ["module_time", "alpha", "modules"] if plan.ablation_cells(config) else []
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
    "film",
]
READ = {
    "pictures": [f"{record(*cell)}/outputs.npz" for cell in CELLS],
    "pictures_more": [f"{record(*cell)}/outputs.npz" for cell in CELLS],
    "query_pictures": [f"{record(*cell)}/outputs.npz" for cell in CELLS],
    "alpha": [
        f"{RESULTS}/ablations/alpha/{request}/seed{seed}.npz" for request, seed in plan.ablation_cells(config)
    ],
    "modules": [
        f"{RESULTS}/ablations/modules/{request}/seed{seed}.npz"
        for request, seed in plan.ablation_cells(config)
    ],
    "training": [path for seed in config["seeds"] for path in learned(seed, "curves.csv")],
    "film": [
        *learned(config["seeds"][0], "film.npz"),
        *unlearned(config["seeds"][0], "film.npz"),
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
            settings=settings(*all_but_report(), "report.pictures"),
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
        [f"{record(*cell)}/record.json" for cell in CELLS],
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
