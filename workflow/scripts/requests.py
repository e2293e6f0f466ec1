"""Choose the requests by rule, or check those of a file."""

from soulbench.core import fork_server

fork_server.fork("soulbench.data.requests.resolve")

from soulbench.config import sections
from soulbench.core.log import job
from soulbench.core.paths import source_beside
from soulbench.data.requests.resolve import resolve_requests

with job(snakemake.log[0]) as log:
    # The bank serves a check only: that there is one is among the `params`, not its size, which changes no request.
    checked = sections.select(snakemake.config, "references.bank")
    resolve_requests(
        config={**snakemake.params.settings, **checked},
        packed_dir=snakemake.input.packed,
        graphs_dir=snakemake.input.graphs,
        subset_csv=snakemake.input.subset,
        human_csv=snakemake.input.human,
        source_dir=source_beside(snakemake.output[0]),
        out_csv=snakemake.output[0],
        log=log,
    )
