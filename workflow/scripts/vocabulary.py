"""Filter the annotations, and choose the vocabulary."""

from soulbench.core import fork_server

fork_server.fork("soulbench.data.prepare.vocabulary")

from soulbench.config import sections
from soulbench.core.log import job
from soulbench.core.paths import source_beside
from soulbench.data.prepare.vocabulary import build_vocabulary

with job(snakemake.log[0]) as log:
    # These sections serve an early check only. They do not change the outputs, so they are no `params`, which
    # would rerun the whole benchmark when a request is added.
    checked = sections.select(snakemake.config, "human", "requests", "references")
    build_vocabulary(
        config={**snakemake.params.settings, **checked},
        source_dir=source_beside(snakemake.output.vocabulary),
        out_json=snakemake.output.vocabulary,
        out_graphs=snakemake.output.graphs,
        log=log,
    )
