"""Plot one figure."""

from soulbench.core import fork_server

fork_server.fork("soulbench.figures", "matplotlib.pyplot")

from pathlib import Path

from soulbench import figures
from soulbench.core.log import job
from soulbench.core.paths import ResultPaths

with job(snakemake.log[0]) as log:
    figures.get(snakemake.params.figure, tuple(snakemake.params.plugins)).plot(
        config=snakemake.params.settings,
        paths=ResultPaths(str(Path(snakemake.output[0]).parents[1])),
        out_stem=Path(snakemake.output[0]).with_suffix(""),
        log=log,
    )
