# All records are gathered into tidy tables; the paper's claims are checked on these.
TABLES_BY_SUBJECT = {
    "results": [
        "summary",
        "scoreboard",
        "identity",
        "update_leak",
        "attacks",
        "leaks",
        "letters",
        "paths",
        "development",
        "selected",
        "contrasts",
        "memorised",
        "bank",
        "sod",
    ],
    "measurements": list(RECORD_TABLES),
    "cost": ["timing", "timing_jobs", "timing_modules"],
    "ablations": ["ablation_modules", "ablation_alpha"],
}
CLAIM_TABLES = {
    "claims": "results",
    "claim_parts": "results",
    "timing_claims": "cost",
    "timing_claim_parts": "cost",
}
TABLES = {name: PATHS.table(name) for names in TABLES_BY_SUBJECT.values() for name in names}


rule tables:
    input:
        gathered_files(),
        PREPARED["requests"],
        [beside(PATHS.pretrained(seed), "json") for seed in config["seeds"]],
    output:
        **{
            name: report(
                PATHS.table(name),
                caption="../report/tables.rst",
                category="Tables",
                subcategory=subject,
                labels={"table": name},
            )
            for subject, names in TABLES_BY_SUBJECT.items()
            for name in names
        },
    log:
        PATHS.log("tables"),
    params:
        source=source_hash("soulbench.analysis.tables"),
        settings=settings(*STATISTICS, "unlearning.steps"),
    script:
        "../scripts/tables.py"


rule claims:
    input:
        **TABLES,
    output:
        [
            report(
                PATHS.table(name),
                caption="../report/tables.rst",
                category="Tables",
                subcategory=subject,
                labels={"table": name},
            )
            for name, subject in CLAIM_TABLES.items()
        ],
    log:
        PATHS.log("claims"),
    params:
        source=source_hash("soulbench.analysis.claims.table"),
        settings=settings(
            *STATISTICS, "unlearning", "training.pretrain", "training.finetune", "training.masking"
        ),
    script:
        "../scripts/claims.py"
