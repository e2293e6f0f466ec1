# Ablations of obj-if: which module is redacted, and how strongly. One job makes both for a request and a seed, because
# they start from the same model and share redactions.
rule ablate:
    input:
        **PREPARED,
        original=PATHS.original("{seed}"),
    output:
        modules=PATHS.ablation("modules", "{request}", "{seed}", "csv"),
        alpha=PATHS.ablation("alpha", "{request}", "{seed}", "csv"),
        record=PATHS.ablation("record", "{request}", "{seed}", "json"),
        images=[PATHS.ablation(name, "{request}", "{seed}", "npz") for name in ("modules", "alpha")],
    log:
        PATHS.log("ablate", "{request}", "seed{seed}"),
    priority: 60
    resources:
        gpu=GPU,
    params:
        **jobs.ablation(config)._asdict(),
        weights=file_state(config["evaluation"]["lpips"]["weights"]),
    script:
        "../scripts/ablate.py"
