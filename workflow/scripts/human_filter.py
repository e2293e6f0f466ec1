"""Choose the images of people."""

from soulbench.core import fork_server

fork_server.fork("soulbench.data.prepare.human")

from soulbench.core.log import job
from soulbench.core.paths import source_beside
from soulbench.data.prepare.human import filter_humans

with job(snakemake.log[0]) as log:
    filter_humans(
        config=snakemake.params.settings,
        graphs_dir=snakemake.input.graphs,
        packed_dir=snakemake.input.packed,
        source_dir=source_beside(snakemake.output.human),
        out_human_csv=snakemake.output.human,
        out_subset_csv=snakemake.output.subset,
        out_summary_json=snakemake.output.summary,
        log=log,
    )
