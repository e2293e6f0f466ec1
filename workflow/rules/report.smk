# The figures, one rule each, and the page that shows them.
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
    "pictures": [PATHS.record(*run, "outputs.npz") for run in RUNS],
    "pictures_more": [PATHS.record(*run, "outputs.npz") for run in RUNS],
    "query_pictures": [PATHS.record(*run, "outputs.npz") for run in RUNS],
    "alpha": [PATHS.ablation("alpha", *run, "npz") for run in runs.ablation_runs(config)],
    "modules": [PATHS.ablation("modules", *run, "npz") for run in runs.ablation_runs(config)],
    "training": [path for seed in config["seeds"] for path in learned(seed, "curves.csv")],
    "snapshots": [
        *learned(config["seeds"][0], "snapshots.npz"),
        *unlearned(config["seeds"][0], "snapshots.npz"),
    ],
}
CAPTIONS = [
    Path(workflow.source_path(f"../report/{name}.rst")).read_text(encoding="utf-8") for name in FIGURES
]
# What figures and captions show of the configuration.
SHOWN = [
    *(*STATISTICS, "device", "unlearning.steps", "report.pictures"),
    *("evaluation.queries", "evaluation.lpips"),
]

for figure in FIGURES:

    rule:
        name:
            f"figure_{figure}"
        input:
            TABLES.values(),
            PREPARED["packed"],
            PREPARED["requests"],
            READ.get(figure, []),
        output:
            report(
                PATHS.figure(figure, "png"),
                caption=f"../report/{figure}.rst",
                category="Figures",
                labels={"figure": figure},
            ),
            PATHS.figure(figure, "svg"),
        log:
            PATHS.log("figures", figure),
        benchmark:
            PATHS.benchmark("figures", figure)
        params:
            source=source_hash(f"soulbench.figures.{figure}"),
            settings=settings(*SHOWN),
            figure=figure,
        script:
            "../scripts/figure.py"


rule page:
    input:
        TABLES.values(),
        PATHS.table("claims"),
        PATHS.data("summary.json"),
        PATHS.data("human.csv"),
        PREPARED.values(),
        [PATHS.record(*run, "record.json") for run in RUNS],
        [PATHS.figure(figure, suffix) for figure in FIGURES for suffix in ("png", "svg")],
    output:
        PATHS.page(),
    log:
        PATHS.log("page"),
    benchmark:
        PATHS.benchmark("page")
    params:
        source=source_hash("soulbench.report.page"),
        settings=settings(*SHOWN, "data.image_size", "report", "training.pretrain", "training.finetune"),
        configuration=configuration_text(),
        captions=CAPTIONS,
    script:
        "../scripts/page.py"
