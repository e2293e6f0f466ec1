"""Redact with several step sizes."""

from soulbench.evaluation.ablations import ablate_alpha

from soulbench.joblog import job

with job(snakemake.log[0]) as log:
    ablate_alpha(
        config=snakemake.params.settings,
        request=snakemake.wildcards.request,
        seed=int(snakemake.wildcards.seed),
        data_dir=snakemake.params.data,
        original=snakemake.input.original,
        out_csv=snakemake.output.table,
        log=log,
    )
