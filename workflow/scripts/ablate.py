"""Run one ablation of obj-if for one request and seed."""

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation import ablations

with job(snakemake.log[0]) as log:
    getattr(ablations, f"ablate_{snakemake.params.ablation}")(
        config=snakemake.params.settings,
        request=snakemake.wildcards.request,
        seed=int(snakemake.wildcards.seed),
        data_dir=Path(snakemake.input.packed).parent,
        original=snakemake.input.original,
        out_csv=snakemake.output.table,
        log=log,
    )
