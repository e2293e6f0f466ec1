"""Evaluate the paper's claims on the tables."""

from soulbench.core import fork_server

fork_server.fork("soulbench.analysis.claims.table")

from pathlib import Path

from soulbench.analysis.claims.table import write_claims
from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    results_dir = Path(snakemake.output[0]).parents[1]
    write_claims(config=snakemake.params.settings, results_dir=results_dir, log=log)
