"""Plot one figure."""

from importlib import import_module
from pathlib import Path

from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    import_module(f"soulbench.figures.{snakemake.params.figure}").draw(
        config=snakemake.params.settings,
        results_dir=Path(snakemake.output[0]).parents[1],
        out_stem=Path(snakemake.output[0]).with_suffix(""),
        log=log,
    )
