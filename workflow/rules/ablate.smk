# Ablations of obj-if: which module is redacted, and how strongly. A job covers one request and one seed.
for name in ("modules", "alpha"):

    rule:
        name:
            f"ablate_{name}"
        input:
            **PREPARED,
            original=PATHS.original("{seed}"),
        output:
            table=PATHS.ablation(name, "{request}", "{seed}", "csv"),
            images=PATHS.ablation(name, "{request}", "{seed}", "npz"),
        log:
            PATHS.log(f"ablate_{name}", "{request}", "seed{seed}"),
        benchmark:
            PATHS.benchmark(f"ablate_{name}", "{request}", "seed{seed}")
        priority: 60
        resources:
            gpu=GPU,
        params:
            source=source_hash("soulbench.evaluation.ablations", module_name("methods", "obj-if")),
            settings=settings(*MODELS, "unlearning", "evaluation", "ablations", "methods.obj-if"),
            weights=file_state(config["evaluation"]["lpips"]["weights"]),
            ablation=name,
        script:
            "../scripts/ablate.py"


del name  # a variable of the loop, not of the workflow
