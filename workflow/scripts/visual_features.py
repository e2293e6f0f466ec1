"""Compute the frozen visual features of every object."""

from soulbench.core import fork_server

fork_server.fork("soulbench.models.visual_features")

from pathlib import Path

from soulbench.core.log import job
from soulbench.models.visual_features import compute_features

with job(snakemake.log[0]) as log:
    compute_features(
        config=snakemake.params.settings,
        data_dir=Path(snakemake.input[0]).parent,
        out_npy=snakemake.output[0],
        log=log,
    )
