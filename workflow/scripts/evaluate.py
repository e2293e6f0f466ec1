"""Judge one model for one request."""

from pathlib import Path

from soulbench.evaluation.run import evaluate
from soulbench.joblog import job

compared = {name: snakemake.input.get(name) for name in ("original", "retrained")}
folders = {name: Path(outputs).parent if outputs else None for name, outputs in compared.items()}
with job(snakemake.log[0]) as log:
    evaluate(
        config=snakemake.params.settings,
        **{**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)},
        data_dir=snakemake.params.data,
        model=snakemake.input.model,
        original_record=folders["original"],
        retrain_record=folders["retrained"],
        out_dir=Path(snakemake.output[0]).parent,
        log=log,
    )
