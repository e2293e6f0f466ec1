"""Fetch, check and unpack one of Visual Genome's files."""

from pathlib import Path

from soulbench.core.log import job
from soulbench.data.prepare.download import download

with job(snakemake.log[0]) as log:
    download(
        name=snakemake.wildcards.file,
        config=snakemake.params.settings,
        out_dir=Path(snakemake.output[0]).parent,
        log=log,
    )
