"""Pre-train a model on the whole training split."""

from soulbench.joblog import job
from soulbench.training.stages import pretrain

with job(snakemake.log[0]) as log:
    pretrain(
        config=snakemake.params.settings,
        data_dir=snakemake.params.data,
        seed=int(snakemake.wildcards.seed),
        out_model=snakemake.output.model,
        source=snakemake.params.source,
        log=log,
    )
