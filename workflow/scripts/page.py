"""Build the page."""

from soulbench.core.log import job
from soulbench.report.page import build

with job(snakemake.log[0]) as log:
    build(
        config=snakemake.params.settings,
        results_dir=snakemake.params.results,
        out_html=snakemake.output[0],
        log=log,
    )
