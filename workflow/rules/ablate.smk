# Ablations of obj-if: which module is redacted, and how far. One rule each; a job covers one request and seed.
for ablation in ("modules", "alpha"):

    rule:
        name:
            f"ablate_{ablation}"
        input:
            OPENED,
            original=original("{seed}"),
        output:
            table=f"{RESULTS}/ablations/{ablation}/{{request}}/seed{{seed}}.csv",
            pictures=f"{RESULTS}/ablations/{ablation}/{{request}}/seed{{seed}}.npz",
        log:
            f"{RESULTS}/logs/ablate_{ablation}/{{request}}/seed{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/ablate_{ablation}/{{request}}/seed{{seed}}.tsv"
        priority: 60
        resources:
            gpu=GPU,
        params:
            source=source_hash("soulbench.evaluation.ablations", module_name("methods", "obj-if")),
            settings=settings(*MODELS, "unlearning", "evaluation", "ablations", "methods.obj-if"),
            data=DATA,
            ablation=ablation,
        script:
            "../scripts/ablate.py"
