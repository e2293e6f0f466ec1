"""Gather the records into the tables."""

from soulbench.core import fork_server

fork_server.fork("soulbench.analysis.tables")

from pathlib import Path

from soulbench.analysis.tables import write_tables
from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    results_dir = Path(snakemake.output.summary).parents[1]
    write_tables(config=snakemake.params.settings, results_dir=results_dir, log=log)
