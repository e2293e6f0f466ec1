"""Check the paper's claims."""

from soulbench.analysis.claims import write_claims
from soulbench.joblog import job

with job(snakemake.log[0]) as log:
    write_claims(
        config=snakemake.params.settings,
        tables_dir=snakemake.params.tables,
        out_csv=snakemake.output[0],
        log=log,
    )
