"""Gather all records into the tables."""

from soulbench.analysis.tables import write_tables
from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    write_tables(
        config=snakemake.params.settings,
        results_dir=snakemake.params.results,
        cells=snakemake.params.cells,
        out_dir=snakemake.params.folder,
        log=log,
    )
