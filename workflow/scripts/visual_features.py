"""Compute the frozen visual features of every object."""

from pathlib import Path

from soulbench.generator.visual import compute_features
from soulbench.joblog import job

with job(snakemake.log[0]) as log:
    compute_features(
        config=snakemake.params.settings,
        data_dir=Path(snakemake.input[0]).parent,
        out_npy=snakemake.output[0],
        log=log,
    )
