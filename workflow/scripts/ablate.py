"""Run both ablations of obj-if for one request and seed."""

from soulbench.core import fork_server

fork_server.fork("soulbench.evaluation.ablations", "soulbench.evaluation.lpips_package")

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation.ablations import ablate

with job(snakemake.log[0]) as log:
    ablate(
        config=snakemake.params.settings,
        request=snakemake.wildcards.request,
        seed=int(snakemake.wildcards.seed),
        data_dir=Path(snakemake.input.packed).parent,
        original=snakemake.input.original,
        out_modules=snakemake.output.modules,
        out_alpha=snakemake.output.alpha,
        out_record=snakemake.output.record,
        source=snakemake.params.source,
        log=log,
    )
