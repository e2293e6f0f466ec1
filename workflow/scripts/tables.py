"""Gather all records into the tables."""

from pathlib import Path

from soulbench.analysis.tables import write_tables
from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    tables_dir = Path(snakemake.output.summary).parent
    write_tables(
        config=snakemake.params.settings,
        results_dir=tables_dir.parent,
        cells=snakemake.params.runs,
        out_dir=tables_dir,
        log=log,
    )
