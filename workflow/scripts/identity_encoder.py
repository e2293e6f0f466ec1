"""Train the encoder that tells who is drawn."""

from soulbench.core import fork_server

fork_server.fork("soulbench.evaluation.identity_encoder")

from soulbench.core.log import job
from soulbench.core.paths import source_beside
from soulbench.evaluation.identity_encoder import make_encoder

with job(snakemake.log[0]) as log:
    make_encoder(
        config=snakemake.params.settings,
        packed_dir=snakemake.input.packed,
        subset_csv=snakemake.input.subset,
        requests_csv=snakemake.input.requests,
        source_dir=source_beside(snakemake.output.model),
        out_model=snakemake.output.model,
        out_record=snakemake.output.record,
        source=snakemake.params.source,
        log=log,
    )
