"""Write the page."""

from pathlib import Path

from soulbench.core.log import job
from soulbench.report.page import build

with job(snakemake.log[0]) as log:
    build(
        config=snakemake.params.settings,
        results_dir=Path(snakemake.output[0]).parents[1],
        out_html=snakemake.output[0],
        log=log,
        configuration=snakemake.params.configuration,
    )
