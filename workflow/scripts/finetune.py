"""Fine-tune a pre-trained model on the human subset: the original model."""

from soulbench.joblog import job
from soulbench.training.stages import finetune

with job(snakemake.log[0]) as log:
    finetune(
        config=snakemake.params.settings,
        data_dir=snakemake.params.data,
        pretrained=snakemake.input.pretrained,
        seed=int(snakemake.wildcards.seed),
        out_model=snakemake.output.model,
        source=snakemake.params.source,
        log=log,
    )
