# The figures, one rule each, and the page that shows them.
from soulbench import figures
from soulbench.report import film, shown_models

FIGURES = figures.planned(config)

# Each figure's file says what it reads, its caption and its headings.
for figure in FIGURES:

    rule:
        name:
            f"figure_{figure.name}"
        input:
            figure.inputs(config, PATHS),
        output:
            report(
                PATHS.figure(figure.name, "png"),
                caption="../report/figure.rst",
                category="Figures",
                subcategory=figure.subcategory,
                labels={"figure": figure.title},
            ),
            PATHS.figure(figure.name, "svg"),
        log:
            PATHS.log("figures", figure.name),
        params:
            source=source_hash(figure.module),
            settings=settings(*figure.config_keys),
            caption=figure.caption(config),
            figure=figure.name,
            plugins=figure.plugins,
        script:
            "../scripts/figure.py"


del figure  # a variable of the loop, not of the workflow


# The page reads what it needs of the configuration; all of it is text to be shown.
rule page:
    input:
        rules.tables.output,
        rules.claims.output,
        [PATHS.data(name) for name in ["packed", "summary.json", "human.csv", "requests.csv", "subset.csv"]],
        [PATHS.record(*run, "record.json") for run in RUNS],
        sorted({beside(model(*run), "json") for run in RUNS}),
        [PATHS.figure(figure.name, suffix) for figure in FIGURES for suffix in ("png", "svg")],
        shown_models.output_inputs(config, PATHS),
        film.inputs(config, PATHS),
    output:
        PATHS.page(),
    log:
        PATHS.log("page"),
    params:
        source=source_hash("soulbench.report.page", *[figure.module for figure in FIGURES]),
        settings=settings(
            *[
                *STATISTICS,
                "device",
                "report",
                "data.source",
                "data.image_size",
                "evaluation.lpips",
                "evaluation.identity",
            ],
            *["generator.synthesis", "unlearning.steps", "unlearning.snapshots", "unlearning.strengths"],
        ),
        captions={figure.name: figure.caption(config) for figure in FIGURES},
        configuration=configuration_text,
    script:
        "../scripts/page.py"
