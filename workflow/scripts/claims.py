"""Check the paper's claims."""

from pathlib import Path

from soulbench.analysis.claims.verdicts import write_claims
from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    write_claims(
        config=snakemake.params.settings,
        tables_dir=Path(snakemake.input.summary).parent,
        out_csv=snakemake.output[0],
        log=log,
    )
