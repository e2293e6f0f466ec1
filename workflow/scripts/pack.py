"""Pack photographs and scene graphs into memory-mapped arrays."""

from soulbench.core import fork_server

fork_server.fork("soulbench.data.prepare.pack")

from soulbench.core.log import job
from soulbench.core.paths import source_beside
from soulbench.data.prepare.pack import pack

with job(snakemake.log[0]) as log:
    pack(
        config=snakemake.params.settings,
        source_dir=source_beside(snakemake.output[0]),
        graphs_dir=snakemake.input.graphs,
        vocabulary_json=snakemake.input.vocabulary,
        out_packed_dir=snakemake.output[0],
        log=log,
    )
