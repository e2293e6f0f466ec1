"""Count names and predicates, and choose the vocabulary."""

from soulbench.joblog import job
from soulbench.scenes.vocabulary import build_vocabulary

with job(snakemake.log[0]) as log:
    build_vocabulary(
        config=snakemake.params.settings,
        source_dir=snakemake.params.folder,
        out_json=snakemake.output[0],
        log=log,
    )
