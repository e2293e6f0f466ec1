"""Write the page."""

from soulbench.core import fork_server

fork_server.fork("soulbench.report.page")

from pathlib import Path

from soulbench.core.log import job
from soulbench.core.paths import ResultPaths
from soulbench.report.page import write_page

with job(snakemake.log[0]) as log:
    write_page(
        config=snakemake.params.settings,
        paths=ResultPaths(str(Path(snakemake.output[0]).parents[1])),
        captions=snakemake.params.captions,
        configuration=snakemake.params.configuration,
        log=log,
    )
