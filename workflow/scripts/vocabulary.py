"""Filter the annotations, and choose the vocabulary."""

from soulbench.core.log import job
from soulbench.data.prepare.vocabulary import build_vocabulary

with job(snakemake.log[0]) as log:
    build_vocabulary(
        # The outputs depend on the settings alone; the rest is for an early check of people and requests.
        config={**snakemake.config, **snakemake.params.settings},
        source_dir=snakemake.params.folder,
        out_json=snakemake.output.vocabulary,
        out_graphs=snakemake.output.graphs,
        log=log,
    )
