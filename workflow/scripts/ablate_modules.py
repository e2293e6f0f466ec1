"""Redact one module at a time."""

from soulbench.evaluation.ablations import ablate_modules

from soulbench.joblog import job

with job(snakemake.log[0]) as log:
    ablate_modules(
        config=snakemake.params.settings,
        request=snakemake.wildcards.request,
        seed=int(snakemake.wildcards.seed),
        data_dir=snakemake.params.data,
        original=snakemake.input.original,
        out_csv=snakemake.output.table,
        log=log,
    )
